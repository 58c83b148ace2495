//! What happened: events and the file they are kept in.

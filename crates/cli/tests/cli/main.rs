//! The whole product from outside: the built binary, against fake servers.

mod hostile;
mod layers;
mod place;
mod run;
mod serve;

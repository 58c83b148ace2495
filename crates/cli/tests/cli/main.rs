//! The whole product from outside: the built binary, against fake servers.

mod approvals;
mod arguments;
mod attacks;
mod check;
mod demo;
mod dialect;
mod doctor;
mod embed;
mod faults;
mod hostile;
mod http;
mod layers;
mod lifecycle;
mod long;
mod mistakes;
mod papers;
mod place;
mod policy;
mod programs;
mod results;
mod run;
mod search;
mod serve;
mod trust;
mod upstreams;
mod verbs;

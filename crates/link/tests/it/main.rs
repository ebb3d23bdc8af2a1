//! Tests of the link step as its callers see it.

mod bulk;
mod damage;
mod describe;
mod exceptions;
mod generated;
mod globals;
mod link;
mod release;
mod relocatable;
mod side;
mod window;

//! Host functions from a guest's side: one table of calls and statuses for each state of the host.

mod bed;
mod calls;
mod maps;
mod pointers;
mod values;

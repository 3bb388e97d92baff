//! `pointsman explain`: the program on recorded files, and the library on every exchange that is known of any vendor.

mod files;
mod vendors;

//! Whatever comes, the push goes through: body, status and all headers but those of the trace are the same as without
//! the filter, in both directions, and a counter says what was not understood.

mod broken;
mod encoded;
mod endless;
mod headers;
mod large;
mod pieces;
mod trailers;

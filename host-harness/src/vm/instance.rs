//! x
pub(crate) struct Vm;
pub(crate) struct VmError;
pub(crate) struct Trap;

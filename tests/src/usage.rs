//! What a process uses, by way of `/proc`.

use std::fs;
use std::io;

/// The memory of a process that is in RAM, shared pages included.
///
/// # Errors
/// The process is gone, or `/proc` is not understood.
pub fn resident_bytes(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.map(|kib| kib * 1024).ok_or_else(|| io::Error::other(format!("process {pid} has no VmRSS")))
}

/// The file descriptors that a process has open, sockets included.
///
/// # Errors
/// The process is gone.
pub fn open_files(pid: u32) -> io::Result<u64> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count() as u64)
}

#[cfg(test)]
mod tests {
    use super::{open_files, resident_bytes};

    #[test]
    fn a_process_knows_what_it_uses() {
        let pid = std::process::id();
        assert!(resident_bytes(pid).unwrap() > 1 << 20);
        let before = open_files(pid).unwrap();
        let files: Vec<_> = (0..50).map(|_| std::fs::File::open("/proc/self/status").unwrap()).collect();
        assert!(open_files(pid).unwrap() >= before + 40, "other tests may close some meanwhile");
        drop(files);
    }
}

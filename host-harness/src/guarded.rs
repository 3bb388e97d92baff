//! Files that decide where messages go: read, locked and replaced so that nobody who may not write them can have a say.
//!
//! Who may write a folder may put any file into it. So the folder is the permission, and one that its group or others can
//! write is refused, as is a symbolic link, which leads out of it.

mod error;

pub use error::GuardError;
pub(crate) use error::io_error;

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

/// How long to wait for an operator who is at work on the same file.
const PATIENCE: Duration = Duration::from_secs(10);
const BETWEEN_TRIES: Duration = Duration::from_millis(20);
const LOCK_MODE: u32 = 0o600;
const WRITABLE_BY_OTHERS: u32 = 0o022;
/// In a folder with this bit nobody can rename what belongs to another, as in `/tmp`.
const STICKY: u32 = 0o1000;

/// Whose a file is, and who may read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl From<&Metadata> for Owner {
    fn from(metadata: &Metadata) -> Self {
        Self { uid: metadata.uid(), gid: metadata.gid() }
    }
}

/// The path of a file in a folder that only its owner can write; the file need not be there.
#[derive(Clone, Debug)]
pub struct Guarded {
    folder: PathBuf,
    path: PathBuf,
}

/// What a file holds, and what its successor has to keep.
#[derive(Debug)]
pub struct Contents {
    /// The text.
    pub text: String,
    /// Whose it is.
    pub owner: Owner,
    mode: u32,
}

/// A new file beside the old one, synced, that only needs its name.
#[derive(Debug)]
pub struct Staged {
    file: NamedTempFile,
    target: Guarded,
}

/// The lock of a file; it ends with this, or with the program.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held for its lock")] File);

impl Guarded {
    /// Looks at the folder and at what is there under the name.
    ///
    /// # Errors
    /// [`GuardError`] for a link, for what is no file, and for a folder that others can write.
    pub fn new(path: &Path) -> Result<Self, GuardError> {
        let parent = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
        let folder = fs::canonicalize(parent).map_err(io_error("find", parent))?;
        let Some(name) = path.file_name() else { return Err(GuardError::NoFile { path: path.to_owned() }) };
        closed_to_others(&folder)?;
        let guarded = Self { path: folder.join(name), folder };
        guarded.look()?;
        Ok(guarded)
    }

    /// Where it is, without links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is there under the name, if anything.
    fn look(&self) -> Result<Option<Metadata>, GuardError> {
        let path = || self.path.clone();
        match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_error("look at", &self.path)(error)),
            Ok(found) if found.is_symlink() => Err(GuardError::Link { path: path() }),
            Ok(found) if !found.is_file() => Err(GuardError::NoFile { path: path() }),
            Ok(found) => Ok(Some(found)),
        }
    }

    /// Opens the file if there is one, and only if it is the one that was looked at: no link can be slipped in between.
    fn open(&self, options: &OpenOptions) -> Result<Option<(File, Metadata)>, GuardError> {
        let Some(seen) = self.look()? else { return Ok(None) };
        let file = options.open(&self.path).map_err(io_error("open", &self.path))?;
        let opened = file.metadata().map_err(io_error("look at", &self.path))?;
        if (opened.dev(), opened.ino()) != (seen.dev(), seen.ino()) {
            return Err(GuardError::Replaced { path: self.path.clone() });
        }
        Ok(Some((file, opened)))
    }

    /// Opens the file for reading and writing, or makes it for `owner` with `mode`.
    ///
    /// # Errors
    /// [`GuardError`], also if others can write the file.
    pub fn open_or_create(&self, owner: Owner, mode: u32) -> Result<File, GuardError> {
        if let Some((file, found)) = self.open(OpenOptions::new().read(true).write(true))? {
            if found.mode() & WRITABLE_BY_OTHERS != 0 {
                return Err(GuardError::Writable { path: self.path.clone() });
            }
            return Ok(file);
        }
        let made = OpenOptions::new().read(true).write(true).create_new(true).mode(mode).open(&self.path);
        let file = match made {
            // Somebody was faster; theirs is as good.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return self.open_or_create(owner, mode),
            made => made.map_err(io_error("make", &self.path))?,
        };
        if let Err(error) = self.give(&file, owner) {
            let _ = fs::remove_file(&self.path);
            return Err(error);
        }
        file.set_permissions(Permissions::from_mode(mode)).map_err(io_error("set the mode of", &self.path))?;
        sync_folder(&self.folder)?;
        Ok(file)
    }

    /// Waits for the lock of this file: a file of its own beside it, since the file itself is replaced by what it guards.
    ///
    /// # Errors
    /// [`GuardError::Busy`] if somebody holds it for long.
    pub fn lock(&self, owner: Owner) -> Result<Lock, GuardError> {
        let mut name = OsString::from(self.path.as_os_str());
        name.push(".lock");
        let lock = Self { folder: self.folder.clone(), path: PathBuf::from(name) };
        let file = lock.open_or_create(owner, LOCK_MODE)?;
        let given_up = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock(file)),
                Err(TryLockError::WouldBlock) if Instant::now() < given_up => std::thread::sleep(BETWEEN_TRIES),
                Err(TryLockError::WouldBlock) => return Err(GuardError::Busy { path: lock.path }),
                Err(TryLockError::Error(error)) => return Err(io_error("lock", &lock.path)(error)),
            }
        }
    }

    /// Whose the file is.
    ///
    /// # Errors
    /// [`GuardError`], also if there is no file.
    pub fn owner(&self) -> Result<Owner, GuardError> {
        self.look()?.as_ref().map(Owner::from).ok_or_else(|| self.missing())
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`GuardError`], also if there is no file or it is not UTF-8.
    pub fn read(&self) -> Result<Contents, GuardError> {
        let (mut file, found) = self.open(OpenOptions::new().read(true))?.ok_or_else(|| self.missing())?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(io_error("read", &self.path))?;
        Ok(Contents { text, owner: Owner::from(&found), mode: found.mode() & 0o7777 })
    }

    fn missing(&self) -> GuardError {
        io_error("open", &self.path)(ErrorKind::NotFound.into())
    }

    /// Writes a successor of `old` beside it, with its owner and mode, and syncs it.
    ///
    /// # Errors
    /// [`GuardError`]; the old file is as it was.
    pub fn stage(&self, old: &Contents, text: &str) -> Result<Staged, GuardError> {
        let failed = |source| io_error("write a file beside", &self.path)(source);
        let mut file = NamedTempFile::new_in(&self.folder).map_err(failed)?;
        self.give(file.as_file(), old.owner)?;
        // After the owner, whose change takes some bits away.
        file.as_file().set_permissions(Permissions::from_mode(old.mode)).map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        Ok(Staged { file, target: self.clone() })
    }

    fn give(&self, file: &File, owner: Owner) -> Result<(), GuardError> {
        let metadata = file.metadata().map_err(io_error("look at", &self.path))?;
        if Owner::from(&metadata) == owner {
            return Ok(());
        }
        let Owner { uid, gid } = owner;
        fchown(file, Some(uid), Some(gid)).map_err(|source| GuardError::Owner {
            path: self.path.clone(),
            uid,
            gid,
            source,
        })
    }
}

impl Staged {
    /// Takes the place of the old file: whoever reads sees the old or the new one, and nothing between.
    ///
    /// # Errors
    /// [`GuardError`]; the old file is still there, unless only the folder could not be synced.
    pub fn put_in_place(self) -> Result<(), GuardError> {
        let Guarded { folder, path } = self.target;
        self.file.persist(&path).map_err(|error| io_error("replace", &path)(error.error))?;
        // Without this the rename itself may be lost in a crash.
        sync_folder(&folder)
    }
}

/// Whether nobody but the owner can put files into the folder, or another folder in its place.
fn closed_to_others(folder: &Path) -> Result<(), GuardError> {
    for (above, ancestor) in folder.ancestors().enumerate() {
        let mode = fs::metadata(ancestor).map_err(io_error("look at", ancestor))?.mode();
        let harmless = above > 0 && mode & STICKY != 0;
        if mode & WRITABLE_BY_OTHERS != 0 && !harmless {
            return Err(GuardError::Writable { path: ancestor.to_owned() });
        }
    }
    Ok(())
}

fn sync_folder(folder: &Path) -> Result<(), GuardError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io_error("sync", folder))
}

#[cfg(test)]
mod tests;

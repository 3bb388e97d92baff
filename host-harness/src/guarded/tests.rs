//! Guarded files in real folders.

use super::*;
use std::os::unix::fs::symlink;

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn config(folder: &Path) -> PathBuf {
    let path = folder.join("pointsman.json");
    fs::write(&path, "old").unwrap();
    path
}

#[test]
fn a_successor_keeps_mode_and_owner_and_leaves_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = config(folder.path());
    for kept in [0o640, 0o444, 0o600] {
        chmod(&path, kept);
        let guarded = Guarded::new(&path).unwrap();
        let old = guarded.read().unwrap();
        guarded.stage(&old, "new").unwrap().put_in_place().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!((mode(&path), guarded.owner().unwrap()), (kept, old.owner));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn the_owner_is_kept_by_root_and_refused_to_anybody_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = config(folder.path());
    let guarded = Guarded::new(&path).unwrap();
    let other = Contents { owner: Owner { uid: 12_345, gid: 12_345 }, ..guarded.read().unwrap() };
    match guarded.stage(&other, "new").map(Staged::put_in_place) {
        Ok(done) => {
            done.unwrap();
            assert_eq!(guarded.owner().unwrap(), other.owner);
        }
        Err(error) => assert!(matches!(error, GuardError::Owner { .. }), "{error}"),
    }
}

#[test]
fn links_are_refused_and_so_is_what_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link.json");
    symlink(config(folder.path()), &link).unwrap();
    assert!(matches!(Guarded::new(&link), Err(GuardError::Link { .. })));
    let dangling = folder.path().join("dangling.json");
    symlink("/nowhere/at/all", &dangling).unwrap();
    assert!(matches!(Guarded::new(&dangling), Err(GuardError::Link { .. })));
    let inner = folder.path().join("inner.json");
    fs::create_dir(&inner).unwrap();
    assert!(matches!(Guarded::new(&inner), Err(GuardError::NoFile { .. })));
}

#[test]
fn a_link_that_comes_later_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let path = config(folder.path());
    let guarded = Guarded::new(&path).unwrap();
    fs::rename(&path, folder.path().join("elsewhere")).unwrap();
    symlink(folder.path().join("elsewhere"), &path).unwrap();
    assert!(matches!(guarded.read(), Err(GuardError::Link { .. })));
    let lock = folder.path().join("pointsman.json.lock");
    symlink("/nowhere/at/all", &lock).unwrap();
    let owner = Owner { uid: 0, gid: 0 };
    assert!(matches!(guarded.lock(owner), Err(GuardError::Link { .. })));
}

#[test]
fn a_folder_that_others_can_write_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let path = config(&inner);
    for (outer_mode, inner_mode, refused) in [
        (0o755, 0o755, None),
        (0o755, 0o775, Some(&*inner)),
        (0o755, 0o757, Some(&*inner)),
        (0o755, 0o1777, Some(&*inner)),
        (0o775, 0o755, Some(folder.path())),
        (0o1777, 0o755, None),
    ] {
        chmod(folder.path(), outer_mode);
        chmod(&inner, inner_mode);
        let found = Guarded::new(&path).err().map(|error| error.to_string());
        let expected = refused.map(|path| format!("chmod go-w {}", fs::canonicalize(path).unwrap().display()));
        match (found, expected) {
            (Some(found), Some(expected)) => assert!(found.contains(&expected), "{found}"),
            (found, expected) => assert_eq!(found, expected, "{outer_mode:o} {inner_mode:o}"),
        }
    }
}

#[test]
fn what_is_made_has_its_mode_whatever_the_umask_and_must_not_be_open_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let owner = Guarded::new(&config(folder.path())).unwrap().owner().unwrap();
    let path = folder.path().join("log");
    let guarded = Guarded::new(&path).unwrap();
    guarded.open_or_create(owner, 0o640).unwrap();
    assert_eq!(mode(&path), 0o640);
    guarded.open_or_create(owner, 0o600).unwrap();
    assert_eq!(mode(&path), 0o640, "what is there stays as it is");
    chmod(&path, 0o660);
    assert!(matches!(guarded.open_or_create(owner, 0o640), Err(GuardError::Writable { .. })));
}

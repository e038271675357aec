//! Paths without steps up in them, so that the same file has the same path however it was named.

use std::path::{Component, Path, PathBuf};

/// The same place without `.` and `..`, of an absolute path. A step up is taken as the system takes it: on Unix, after a link it leads above
/// what that links to. Links that are not left again stay as they are written. The place need not be there.
pub fn without_steps_up(path: &Path) -> PathBuf {
    let mut direct = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                follow_link(&mut direct);
                // Above the root there is the root.
                direct.pop();
            }
            other => direct.push(other),
        }
    }
    direct
}

#[cfg(unix)]
fn follow_link(path: &mut PathBuf) {
    if path.is_symlink()
        && let Ok(target) = path.canonicalize()
    {
        *path = target;
    }
}

/// Windows takes steps up by the names alone.
#[cfg(not(unix))]
fn follow_link(_path: &mut PathBuf) {}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn steps_up_lead_where_the_system_goes_and_other_links_stay() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("films/old")).unwrap();
        std::fs::create_dir(root.join("queues")).unwrap();
        std::os::unix::fs::symlink(root.join("films/old"), root.join("link")).unwrap();
        for (path, direct) in [
            ("queues/../films/a.mp4", "films/a.mp4"),
            ("queues/./../films/old/../b.mp4", "films/b.mp4"),
            ("link/../c.mp4", "films/c.mp4"),
            ("link/d.mp4", "link/d.mp4"),
            ("not/there/../e.mp4", "not/e.mp4"),
        ] {
            assert_eq!(without_steps_up(&root.join(path)), root.join(direct), "{path}");
        }
        assert_eq!(without_steps_up(Path::new("/../../a")), Path::new("/a"));
    }
}

//! Starting the command.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_weir");

/// The command in `folder`, deaf to the environment of whoever runs the tests.
pub(crate) fn weir(folder: &Path) -> Command {
    let mut command = Command::new(BINARY);
    command.current_dir(folder);
    clear(&mut command);
    command
}

/// The command in `folder`, where no file may become larger than a block: as on a full disk, whoever runs it.
#[cfg(target_os = "linux")]
pub(crate) fn weir_on_a_full_disk(folder: &Path) -> Command {
    let mut shell = Command::new("sh");
    shell.current_dir(folder).env_clear();
    shell.args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "sh", BINARY]);
    shell
}

/// Takes away every variable that weir reads.
pub(crate) fn clear(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("WEIR_") {
            command.env_remove(name);
        }
    }
    for name in ["COLUMNS", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM"] {
        command.env_remove(name);
    }
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("weir writes UTF-8");
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl Done {
    /// Of a command that did what it was asked.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// Of a command that could not: nothing on standard output, and one line that says why.
    #[track_caller]
    pub(crate) fn refused(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        let line = self.stderr.strip_suffix('\n').unwrap_or_else(|| panic!("{self:?}"));
        assert!(!line.contains('\n') && line.starts_with("weir: "), "not one line: {line:?}");
        line.to_owned()
    }

    /// Of a command that said what it found, and then in one line that it could not write a file: what it said.
    #[track_caller]
    pub(crate) fn not_written(self, path: &Path) -> String {
        assert_eq!(self.code, Some(1), "{self:?}");
        let line = self.stderr.strip_suffix('\n').unwrap_or_default();
        let named =
            line.contains(&path.display().to_string()) && line.starts_with("weir: cannot write");
        assert!(named && !line.contains('\n'), "{line:?}");
        self.stdout
    }
}

/// A folder to work in.
pub(crate) struct Place {
    path: PathBuf,
    /// Removes the folder in the end.
    _temporary: Option<TempDir>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let temporary = tempfile::tempdir().expect("a folder");
        Self { path: temporary.path().to_owned(), _temporary: Some(temporary) }
    }

    /// One for a static, which nobody drops: what it holds stays until the tests are run again.
    pub(crate) fn lasting(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // There may be none.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a folder");
        Self { path, _temporary: None }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        std::fs::write(&path, content).expect("a file");
        path
    }

    /// Names of what is in the folder, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).expect("a folder");
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("an entry").file_name();
        let mut names: Vec<String> =
            entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Runs `weir` with arguments, here.
    pub(crate) fn weir<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Done {
        weir(self.path()).args(arguments).output().expect("weir starts").into()
    }
}

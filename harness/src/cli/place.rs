//! Where documents are read from, and where reports go.

use super::failure::Failure;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use weir_reports::{FileError, write_whole};

/// What `weir run`, `weir search` and `weir sweep` leave in a folder.
const DOCUMENTS: [&str; 3] = ["result.json", "search.json", "sweep.json"];

/// Sees that a report can be written to a folder, which may be missing yet: now, and not after minutes of
/// measuring. That a folder is there says nothing of whether files can be made in it.
pub(super) fn ready(folder: &Path) -> Result<(), Failure> {
    takes_files(folder).map_err(|why| {
        let folder = folder.display();
        let remedy = "name another folder with --out";
        Failure::usage(format!("cannot write a report to {folder}: {why}; {remedy}"))
    })
}

/// The same of a file, which a flag names. What is no file, such as `/dev/stdout`, is only written to.
pub(super) fn ready_file(file: &Path, flag: &str) -> Result<(), Failure> {
    let there = std::fs::metadata(file).ok();
    let found = if ends_as_a_folder(file) || there.as_ref().is_some_and(Metadata::is_dir) {
        Err("it is a folder".to_owned())
    } else if there.is_some_and(|there| !there.is_file()) {
        Ok(())
    } else {
        // A link stays a link: what it points to is replaced.
        let target = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        takes_files(folder.unwrap_or(Path::new(".")))
    };
    found.map_err(|why| {
        let file = file.display();
        Failure::usage(format!("cannot write {file}: {why}; name another file with {flag}"))
    })
}

fn ends_as_a_folder(path: &Path) -> bool {
    path.as_os_str().to_string_lossy().ends_with(std::path::is_separator)
}

/// Makes a file in a folder, and takes it away again, and every folder that was made for it.
fn takes_files(folder: &Path) -> Result<(), String> {
    let missing: Vec<&Path> = folder
        .ancestors()
        .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
        .collect();
    let found = takes_a_file(folder);
    for made in missing {
        let _ = std::fs::remove_dir(made);
    }
    found
}

fn takes_a_file(folder: &Path) -> Result<(), String> {
    let probe = folder.join(format!(".weir-probe-{}", std::process::id()));
    write_whole(&probe, &[]).map_err(|error| match error {
        FileError::Write { source, .. } => source.to_string(),
        other => other.to_string(),
    })?;
    std::fs::remove_file(&probe).map_err(|error| error.to_string())
}

/// Refuses what is a file's name in most tools, and here would be that of a file called `-`.
pub(super) fn no_dash(path: &Path) -> Result<(), Failure> {
    if path == Path::new("-") {
        return Err(Failure::usage(
            "- is no file, and standard input is not read: name a file, or /dev/stdin where there is one",
        ));
    }
    Ok(())
}

/// The document that is meant by a path: of a folder the one in it, that of runs before others.
pub(super) fn document(path: &Path) -> Result<PathBuf, Failure> {
    no_dash(path)?;
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let there = |name: &&&str| path.join(name).is_file();
    match DOCUMENTS.iter().filter(there).collect::<Vec<_>>().as_slice() {
        [] => Err(Failure::usage(format!(
            "there is no result.json, search.json or sweep.json in the folder {}: name a document of weir's, or \
             a folder with one",
            path.display()
        ))),
        [one] => Ok(path.join(one)),
        [first, ..] if **first == DOCUMENTS[0] => Ok(path.join(first)),
        [first, second, ..] => Err(Failure::usage(format!(
            "the folder {} has {first} and {second}: name one of them",
            path.display()
        ))),
    }
}

//! Inputs that cannot be read, and outputs that cannot be written.

use crate::process::{Done, Place};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

fn verify(place: &Place, input: &Path, emit: &Path) -> Done {
    let arguments = ["verify", "word-count", "--engine", "topology,microbatch", "--input"];
    let arguments = arguments.into_iter().map(OsStr::new);
    place.weir(arguments.chain([input.as_os_str(), OsStr::new("--emit"), emit.as_os_str()]))
}

/// What a bad input is called, how it comes about, and what the message says of it.
type Case = (&'static str, fn(&Place, &str) -> Option<PathBuf>, &'static str);

const CASES: &[Case] = &[
    ("bytes.txt", |place, name| Some(place.file(name, b"ok \xff ok")), "invalid byte at offset 3"),
    ("first.txt", |place, name| Some(place.file(name, b"\xfe")), "invalid byte at offset 0"),
    ("latin-1.txt", |place, name| Some(place.file(name, b"caf\xe9 noir\n")), "offset 3"),
    ("utf-16.txt", |place, name| Some(place.file(name, b"\xff\xfeo\0k\0")), "offset 0"),
    ("surrogate.txt", |place, name| Some(place.file(name, b"a\xed\xa0\x80")), "offset 1"),
    ("overlong.txt", |place, name| Some(place.file(name, b"ab\xc0\x80")), "offset 2"),
    (
        "cut.txt",
        |place, name| Some(place.file(name, "12345\u{20ac}".as_bytes().split_at(7).0)),
        "offset 5",
    ),
    (
        "far.txt",
        |place, name| {
            let mut bytes = "na\u{ef}ve\n".repeat(100_000).into_bytes();
            bytes.push(0x80);
            Some(place.file(name, bytes))
        },
        "offset 700000",
    ),
    ("missing.txt", |place, name| Some(place.join(name)), "No such file"),
    ("", |place, _| Some(place.path().to_owned()), "is a directory"),
    (
        "file/below",
        |place, name| {
            place.file("file", "");
            Some(place.join(name))
        },
        "Not a directory",
    ),
    ("secret.txt", unreadable, "Permission denied"),
    ("two\nlines.txt", |place, name| Some(place.join(name)), "No such file"),
];

/// A file that may not be read; none where whoever runs the tests may read everything.
fn unreadable(place: &Place, name: &str) -> Option<PathBuf> {
    let path = place.file(name, "text");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let secret = std::fs::Permissions::from_mode(0o000);
        std::fs::set_permissions(&path, secret).expect("our own file");
    }
    std::fs::File::open(&path).is_err().then_some(path)
}

#[test]
fn a_bad_input_is_one_line_and_leaves_the_output_alone() {
    for (name, make, problem) in CASES {
        let place = Place::new();
        let Some(input) = make(&place, name) else { continue };
        let before = place.names();
        let line = verify(&place, &input, &place.join("out.csv")).refused(2);
        let shown = name.replace('\n', "\\u{a}");
        assert!(
            line.contains(&shown) && line.contains(problem),
            "{line:?} lacks {shown:?}, {problem:?}"
        );
        assert_eq!(place.names(), before, "{name}: nothing is written");
        let old = place.file("out.csv", "old,1\r\n");
        verify(&place, &input, &old).refused(2);
        assert_eq!(std::fs::read(&old).expect("the old file"), b"old,1\r\n", "{name}");
    }
}

#[test]
fn a_bad_input_ends_every_command_that_reads_one() {
    let place = Place::new();
    let input = place.file("bytes.txt", b"\xff");
    let input = input.to_str().expect("a plain path");
    for command in [vec!["verify"], vec!["run"], vec![]] {
        let line = place.weir(command.into_iter().chain(["-q", "--input", input])).refused(2);
        assert!(line.contains("bytes.txt"), "{line:?}");
    }
    let empty = place.file("empty.txt", "");
    let line = place.weir(["run", "-q", "--input", empty.to_str().expect("plain")]).refused(2);
    assert!(line.contains("empty.txt has no lines"), "{line:?}");
    // Lines without words do for one workload; the other says so before that one has been measured.
    let white = place.file("white.txt", " \n");
    let white = ["--input", white.to_str().expect("plain"), "--duration", "1h"];
    let line =
        place.weir(["run", "-q", "word-count", "stateful"].into_iter().chain(white)).refused(2);
    assert!(line.contains("white.txt has no "), "{line:?}");
}

#[test]
fn an_output_that_cannot_be_written_is_one_line() {
    let place = Place::new();
    let input = place.file("input.txt", "one two\n");
    let folder = place.join("folder");
    std::fs::create_dir(&folder).expect("a folder");
    // What cannot be written is known before anything is counted; a full disk is not.
    let refused = |done: &Done| {
        assert_eq!((done.code, done.stdout.as_str()), (Some(2), ""), "{done:?}");
        assert!(done.stderr.starts_with("weir: cannot write ") && done.stderr.lines().count() == 1);
    };
    for out in [folder.clone(), place.join("input.txt/out.csv"), place.join("folder/")] {
        refused(&verify(&place, &input, &out));
    }
    if cfg!(target_os = "linux") {
        let full = Path::new("/dev/full");
        verify(&place, &input, full).not_written(full);
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let closed = std::fs::Permissions::from_mode(0o555);
        std::fs::set_permissions(&folder, closed).expect("our own folder");
        // Whoever may write everywhere learns nothing here.
        if std::fs::write(folder.join("probe"), "").is_err() {
            refused(&verify(&place, &input, &folder.join("out.csv")));
        }
    }
    assert_eq!(place.names(), ["folder", "input.txt"]);
    assert_eq!(std::fs::read(&input).expect("the input"), b"one two\n");
}

/// Said before anything is measured: an hour of it would not end in time.
#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_written_to_is_refused_at_once() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let folder = place.join("folder");
    std::fs::create_dir_all(folder.join("cells")).expect("a folder");
    let closed = std::fs::Permissions::from_mode(0o555);
    std::fs::set_permissions(&folder, closed).expect("our own folder");
    // Whoever may write everywhere learns nothing here.
    if std::fs::write(folder.join("probe"), "").is_ok() {
        return;
    }
    for command in [&["run"][..], &["search"], &["sweep", "--over=rate=1k"]] {
        let line = place
            .weir(command.iter().chain(&["word-count", "--duration=1h", "-q", "-o", "folder"]))
            .refused(2);
        assert!(line.contains("folder") && line.contains("--out"), "{line:?}");
    }
}

#[test]
fn a_probe_of_a_folder_leaves_nothing() {
    let place = Place::new();
    for arguments in [
        &["run", "-q", "--engine=null", "--out=new"][..],
        &["run", "-q", "--engine=null", "--out=new/sub/folder"],
        &["verify", "word-count", "--engine=null", "--emit=new/sub/out.csv"],
    ] {
        place.weir(arguments).refused(4);
        assert_eq!(place.names(), Vec::<String>::new(), "{arguments:?}");
    }
    std::fs::create_dir(place.join("here")).expect("a folder");
    place.weir(["run", "-q", "--engine=null", "--out=here/sub"]).refused(4);
    assert_eq!(std::fs::read_dir(place.join("here")).expect("the folder").count(), 0);
}

#[test]
fn outputs_replace_files_follow_links_and_make_folders() {
    let place = Place::new();
    let input = place.file("input.txt", "b a\nb");
    let want = b"a,1\r\nb,2\r\n";
    let deep = place.join("new/folder/out.csv");
    let old = place.file("old.csv", "a much longer text than the rows that replace it");
    for out in [&deep, &old] {
        verify(&place, &input, out).ok();
        assert_eq!(std::fs::read(out).expect("rows"), want);
    }
    #[cfg(unix)]
    {
        let (link, aim) = (place.join("link.csv"), place.file("aim.csv", ""));
        std::os::unix::fs::symlink(&aim, &link).expect("a link");
        verify(&place, &input, &link).ok();
        assert!(std::fs::symlink_metadata(&link).expect("the link").is_symlink());
        assert_eq!(std::fs::read(&aim).expect("rows"), want);
    }
}

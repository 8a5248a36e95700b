//! Text in memory, cut into lines.

use crate::Text;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use thiserror::Error;

/// Why an input cannot be read. Each message names the file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InputError {
    /// The file cannot be opened or read.
    #[error("cannot read input {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The path is a folder.
    #[error("cannot read input {}: it is a directory; name a file", path.display())]
    Directory {
        /// Which one.
        path: PathBuf,
    },
    /// What is no file goes on and on.
    #[error("input {} is no file and goes on beyond {limit} bytes: name a file", path.display())]
    Endless {
        /// Which one.
        path: PathBuf,
        /// As much was read.
        limit: u64,
    },
    /// The file is not text.
    #[error("input {} is not UTF-8: invalid byte at offset {offset}", path.display())]
    NotUtf8 {
        /// Which file.
        path: PathBuf,
        /// Bytes before the first invalid one.
        offset: usize,
    },
    /// There is nothing to replay.
    #[error("input {name} has no {what}: a timed run replays its input and needs at least one")]
    Empty {
        /// Which input.
        name: String,
        /// What a record is, in the plural.
        what: &'static str,
    },
}

/// A text and its lines. Lives as long as the process: see [`Text`] for why.
#[derive(Debug)]
pub struct Corpus {
    name: String,
    text: &'static str,
    lines: Vec<Text>,
    words: OnceLock<Vec<Text>>,
}

impl Corpus {
    /// Keeps `text` for the rest of the process and cuts it at line feeds. A final line feed ends the
    /// last line and begins no other; a carriage return before a line feed belongs to neither line.
    pub fn intern(name: impl Into<String>, text: String) -> &'static Self {
        let text: &'static str = Box::leak(text.into_boxed_str());
        let lines = text.lines().map(Text::from_static).collect();
        Box::leak(Box::new(Self { name: name.into(), text, lines, words: OnceLock::new() }))
    }

    /// What it is, for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All of it.
    #[must_use]
    pub const fn text(&self) -> &'static str {
        self.text
    }

    /// Its lines, in order.
    #[must_use]
    pub fn lines(&'static self) -> &'static [Text] {
        &self.lines
    }

    /// Its words, in order; found on first use.
    #[must_use]
    pub fn words(&'static self) -> &'static [Text] {
        self.words.get_or_init(|| {
            let mut words = Vec::new();
            for line in &self.lines {
                line.for_each_word(|word| words.push(word));
            }
            words
        })
    }
}

/// Reads a file. It is read once per process and path.
///
/// # Errors
/// A missing or unreadable file, a folder, or bytes that are not UTF-8, with their offset.
pub fn read_file(path: &Path) -> Result<&'static Corpus, InputError> {
    let failed = |source| InputError::Read { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(failed)?.is_dir() {
        return Err(InputError::Directory { path: path.to_owned() });
    }
    let bytes = read_whole(path, MOST_PIPED).map_err(failed)?;
    let bytes =
        bytes.ok_or_else(|| InputError::Endless { path: path.to_owned(), limit: MOST_PIPED })?;
    let text = String::from_utf8(bytes).map_err(|error| InputError::NotUtf8 {
        path: path.to_owned(),
        offset: error.utf8_error().valid_up_to(),
    })?;
    Ok(Corpus::intern(path.display().to_string(), text))
}

/// As much is taken from a pipe or a device, which may never end.
const MOST_PIPED: u64 = 1 << 30;

/// All bytes of a file; `None` of what is none, and longer than `most`.
fn read_whole(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let file = File::open(path)?;
    if file.metadata()?.is_file() {
        return std::fs::read(path).map(Some);
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= most).then_some(bytes))
}

/// The text that ships with weir: The Adventures of Sherlock Holmes, by Arthur Conan Doyle, in the
/// public domain.
#[must_use]
pub fn sherlock() -> &'static Corpus {
    static SHERLOCK: OnceLock<&'static Corpus> = OnceLock::new();
    SHERLOCK.get_or_init(|| {
        Corpus::intern("sherlock", include_str!("../../data/sherlock.txt").to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_words_table() {
        let rows: &[(&str, &[&str], &[&str])] = &[
            ("", &[], &[]),
            ("one", &["one"], &["one"]),
            ("one\n", &["one"], &["one"]),
            ("one two\r\nthree", &["one two", "three"], &["one", "two", "three"]),
            ("\n\na\n", &["", "", "a"], &["a"]),
            ("a\rb", &["a\rb"], &["a", "b"]),
        ];
        for (text, lines, words) in rows {
            let corpus = Corpus::intern("test", (*text).to_owned());
            let found: Vec<&str> = corpus.lines().iter().map(|line| line.as_str()).collect();
            assert_eq!(found, *lines, "{text:?}");
            let found: Vec<&str> = corpus.words().iter().map(|word| word.as_str()).collect();
            assert_eq!(found, *words, "{text:?}");
        }
    }

    #[test]
    fn errors_name_the_file_and_the_offset() {
        let dir = std::env::temp_dir().join(format!("weir-corpus-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a folder");
        let file = dir.join("bad.txt");
        std::fs::write(&file, b"good \xff bad").expect("a file");
        let message = read_file(&file).expect_err("not UTF-8").to_string();
        assert!(message.contains("bad.txt") && message.ends_with("offset 5"), "{message}");
        let message = read_file(&dir).expect_err("a folder").to_string();
        assert!(message.contains("is a directory"), "{message}");
        let message = read_file(&dir.join("none")).expect_err("missing").to_string();
        assert!(message.contains("none"), "{message}");
        std::fs::remove_dir_all(&dir).expect("clean up");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_may_end_and_need_not() {
        for (path, length) in [("/dev/null", Some(0)), ("/dev/zero", None)] {
            let read = read_whole(Path::new(path), 10_000).expect(path);
            assert_eq!(read.map(|bytes| bytes.len()), length, "{path}");
        }
    }

    #[test]
    fn the_shipped_text_is_whole() {
        assert_eq!(sherlock().lines().len(), 12_648);
        assert_eq!(sherlock().words().len(), 104_493);
    }
}

//! Text files as RDDs.

use super::{Rdd, RddNode};
use crate::job::{Stage, TaskContext, TaskError};
use crate::{ContextError, SparkContext};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The last piece of a file may be this much longer than the others (Hadoop's split slop).
const SLOP: f64 = 1.1;

/// The pieces of a file that somebody else asked for: the block size of Hadoop's local files.
const PIECE_BYTES: u64 = 32 << 20;

impl SparkContext {
    /// The lines of text files: a file, the files of a folder, a pattern (`*`, `?`, `[a-z]`), or
    /// several of them with commas in between. Files whose names begin with `_` or `.` are left out
    /// of folders and patterns. In about `min_partitions` partitions or more, at least one per file
    /// that is not empty.
    ///
    /// Lines end with `\n`, `\r\n` or the end of the file; bytes that are not UTF-8 become U+FFFD.
    pub fn text_file(
        &self,
        path: &str,
        min_partitions: usize,
    ) -> Result<Rdd<String>, ContextError> {
        let files = files_of(path)?;
        let sizes: Vec<u64> = files.iter().map(|file| size_of(file)).collect::<Result<_, _>>()?;
        let goal = (sizes.iter().sum::<u64>() / min_partitions.max(1) as u64).max(1);
        let cut = |(file, size): (&PathBuf, u64)| cut(file, size, goal);
        let pieces = files.iter().zip(sizes).flat_map(cut).collect();
        Ok(Rdd::new(self.clone(), Arc::new(Lines { pieces })).labelled("textFile"))
    }

    /// The lines of one text file, whatever characters its name has, in pieces of [`PIECE_BYTES`].
    pub(crate) fn lines_of_file(&self, file: &Path) -> Result<Rdd<String>, ContextError> {
        let pieces = cut(file, size_of(file)?, PIECE_BYTES);
        Ok(Rdd::new(self.clone(), Arc::new(Lines { pieces })).labelled("textFile"))
    }

    /// Whole text files, with their paths; see [`text_file`](Self::text_file). In at most
    /// `min_partitions` partitions.
    pub fn whole_text_files(
        &self,
        path: &str,
        min_partitions: usize,
    ) -> Result<Rdd<(String, String)>, ContextError> {
        let files = files_of(path)?;
        let slices = min_partitions.clamp(1, files.len().max(1));
        let read = self.parallelize(files, slices)?.map_partitions(|input, out| {
            let mut result = Ok(());
            input.for_each(|file: PathBuf| {
                if result.is_ok() {
                    result = std::fs::read(&file)
                        .map_err(|error| unreadable(&file, &error))
                        .map(|bytes| out((file.display().to_string(), lossy(bytes))));
                }
            })?;
            result
        });
        Ok(read.labelled("wholeTextFiles"))
    }
}

/// A file in pieces of about `goal` bytes. An empty file is a piece, as it is in Hadoop.
fn cut(file: &Path, size: u64, goal: u64) -> Vec<Piece> {
    let (mut start, file, mut pieces) = (0, Arc::<Path>::from(file), Vec::new());
    while (size - start) as f64 / goal as f64 > SLOP {
        pieces.push(Piece { file: Arc::clone(&file), start, end: start + goal });
        start += goal;
    }
    if start < size || size == 0 {
        pieces.push(Piece { file, start, end: size });
    }
    pieces
}

/// The files that a path means, by name.
fn files_of(path: &str) -> Result<Vec<PathBuf>, ContextError> {
    let mut files = Vec::new();
    for one in path.split(',').map(str::trim) {
        let before = files.len();
        let literal = Path::new(one.strip_prefix("file://").unwrap_or(one));
        if literal.is_dir() {
            add_folder(literal, &mut files)?;
            continue;
        }
        if literal.is_file() {
            files.push(literal.to_path_buf());
            continue;
        }
        let wrong = |error: glob::PatternError| {
            ContextError::Input(format!("{one} is not a pattern: {error}; correct it"))
        };
        for found in glob::glob(&literal.to_string_lossy()).map_err(wrong)? {
            let found = found.map_err(|error| missing(one, &error.to_string()))?;
            if hidden(&found) {
                continue;
            }
            if found.is_dir() { add_folder(&found, &mut files)? } else { files.push(found) }
        }
        if files.len() == before {
            return Err(missing(one, "no such file"));
        }
    }
    Ok(files)
}

fn add_folder(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), ContextError> {
    let failed = |error: std::io::Error| missing(&folder.display().to_string(), &error.to_string());
    let mut inside = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_file() && !hidden(&path) {
            inside.push(path);
        }
    }
    inside.sort();
    files.append(&mut inside);
    Ok(())
}

fn hidden(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('_') || name.starts_with('.')
}

fn size_of(file: &Path) -> Result<u64, ContextError> {
    let length = std::fs::metadata(file).map(|metadata| metadata.len());
    length.map_err(|error| missing(&file.display().to_string(), &error.to_string()))
}

fn missing(path: &str, why: &str) -> ContextError {
    ContextError::Input(format!("Input path does not exist: {path} ({why}); correct the path"))
}

fn unreadable(file: &Path, error: &std::io::Error) -> TaskError {
    TaskError::Failed(format!("failed to read {}: {error}; put it back", file.display()))
}

fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// A range of a file's bytes. A line belongs to the piece that it begins in, where the first byte
/// behind a piece counts as its own: that is how a piece that begins elsewhere can leave out what
/// comes before the first end of a line, without looking at the byte before.
struct Piece {
    file: Arc<Path>,
    start: u64,
    end: u64,
}

impl Piece {
    fn read(&self, task: &TaskContext, sink: &mut dyn FnMut(String)) -> Result<(), TaskError> {
        let failed = |error: std::io::Error| unreadable(&self.file, &error);
        let mut file = File::open(&self.file).map_err(failed)?;
        file.seek(SeekFrom::Start(self.start)).map_err(failed)?;
        let mut reader = BufReader::with_capacity(64 << 10, file);
        let (mut at, mut line) = (self.start, Vec::new());
        if at > 0 {
            at += reader.skip_until(b'\n').map_err(failed)? as u64;
        }
        let mut lines = 0u32;
        while at < self.end || (at == self.end && self.start < self.end) {
            line.clear();
            let read = reader.by_ref().read_until(b'\n', &mut line).map_err(failed)?;
            if read == 0 {
                break;
            }
            at += read as u64;
            if line.ends_with(b"\n") {
                line.pop();
                if line.ends_with(b"\r") {
                    line.pop();
                }
            }
            sink(lossy(std::mem::take(&mut line)));
            lines = lines.wrapping_add(1);
            if lines.is_multiple_of(4096) {
                task.check_cancelled()?;
            }
        }
        Ok(())
    }
}

struct Lines {
    pieces: Vec<Piece>,
}

impl RddNode<String> for Lines {
    fn partitions(&self) -> usize {
        self.pieces.len()
    }
    fn compute(&self, task: &TaskContext, sink: &mut dyn FnMut(String)) -> Result<(), TaskError> {
        self.pieces[task.partition()].read(task, sink)
    }
    fn stages(&self, _: &mut dyn FnMut(Arc<dyn Stage>)) {}
    fn kind(&self) -> &'static str {
        "HadoopRDD"
    }
}

//! Lines of bounded length from a stream of bytes.

use std::io::Read;

/// How much is read at once.
const CHUNK: usize = 8 * 1024;

/// What [`LineReader::next_line`] came back with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A line, without its end.
    Text(String),
    /// A line that was longer than is allowed, and has been skipped.
    TooLong {
        /// How long it was, in bytes, without its end.
        bytes: u64,
    },
}

/// Splits bytes into lines at `\n`, `\r` and `\r\n`, as Java's `BufferedReader` does; the last line
/// needs no end. What is not UTF-8 becomes U+FFFD. It never holds more than a line of the allowed
/// length and what is read at once.
#[derive(Debug)]
pub struct LineReader<R> {
    from: R,
    max_bytes: usize,
    chunk: Box<[u8]>,
    at: usize,
    filled: usize,
    line: Vec<u8>,
    /// How long the line has been so far; more than `line` holds once it is too long.
    length: u64,
    skip_newline: bool,
    begun: bool,
}

impl<R: Read> LineReader<R> {
    /// Reads lines of at most `max_bytes` bytes.
    pub fn new(from: R, max_bytes: usize) -> Self {
        Self {
            from,
            max_bytes,
            chunk: vec![0; CHUNK].into(),
            at: 0,
            filled: 0,
            line: Vec::new(),
            length: 0,
            skip_newline: false,
            begun: false,
        }
    }

    /// The next line; None at the end of the stream.
    ///
    /// # Errors
    ///
    /// The stream's. Nothing is lost: bytes of an unfinished line are kept for the next call.
    pub fn next_line(&mut self) -> std::io::Result<Option<Line>> {
        loop {
            if self.at == self.filled {
                self.at = 0;
                self.filled = 0;
                self.filled = match self.from.read(&mut self.chunk) {
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                    read => read?,
                };
                if self.filled == 0 {
                    return Ok(self.begun.then(|| self.take()));
                }
            }
            if std::mem::take(&mut self.skip_newline) && self.chunk[self.at] == b'\n' {
                self.at += 1;
                continue;
            }
            let rest = &self.chunk[self.at..self.filled];
            let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let part = &rest[..end.unwrap_or(rest.len())];
            self.begun = true;
            self.length += part.len() as u64;
            if self.length <= self.max_bytes as u64 {
                self.line.extend_from_slice(part);
            }
            self.at += part.len();
            if end.is_some() {
                self.skip_newline = self.chunk[self.at] == b'\r';
                self.at += 1;
                return Ok(Some(self.take()));
            }
        }
    }

    fn take(&mut self) -> Line {
        self.begun = false;
        let bytes = std::mem::take(&mut self.length);
        let line = if bytes > self.max_bytes as u64 {
            Line::TooLong { bytes }
        } else {
            Line::Text(String::from_utf8_lossy(&self.line).into_owned())
        };
        self.line.clear();
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes `step` at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let (now, later) = self.0.split_at(self.1.min(self.0.len()));
            into[..now.len()].copy_from_slice(now);
            self.0 = later;
            Ok(now.len())
        }
    }

    #[test]
    fn lines_end_as_in_java() {
        let table: [(&[u8], &[&str]); 9] = [
            (b"", &[]),
            (b"a", &["a"]),
            (b"a\nb\n", &["a", "b"]),
            (b"a\r\nb\rc\n\rd", &["a", "b", "c", "", "d"]),
            (b"\n\n", &["", ""]),
            (b"\r\r\n", &["", ""]),
            (b"12345\n6", &["12345", "6"]),
            (b"123456\n7", &["too long: 6", "7"]),
            (b"\xffa\xe2\x82\n", &["\u{fffd}a\u{fffd}"]),
        ];
        for (bytes, lines) in table {
            for step in 1..=4 {
                let mut reader = LineReader::new(Slow(bytes, step), 5);
                let mut got = Vec::new();
                while let Some(line) = reader.next_line().expect("bytes") {
                    got.push(match line {
                        Line::Text(text) => text,
                        Line::TooLong { bytes } => format!("too long: {bytes}"),
                    });
                }
                assert_eq!(got, lines, "{bytes:?} by {step}");
            }
        }
    }

    #[test]
    fn a_line_without_end_takes_no_memory() {
        let mut reader = LineReader::new(std::io::repeat(b'x').take(50_000_000), 1 << 20);
        assert_eq!(reader.next_line().expect("bytes"), Some(Line::TooLong { bytes: 50_000_000 }));
        assert!(reader.line.capacity() <= 2 << 20, "{} bytes", reader.line.capacity());
    }
}

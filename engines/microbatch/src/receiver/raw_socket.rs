//! Encoded blocks from a TCP connection.

use super::socket::Connection;
use super::{Receiver, ReceiverError, ReceiverHandle};
use crate::settings::{SettingError, Settings};
use std::io::{Error, ErrorKind, Read};

/// Connects to a server and stores every block that it sends: 4 bytes of length, the high one first,
/// then the encoded records. Connects again as [`SocketReceiver`](super::SocketReceiver) does, also
/// after a block that is longer than `spark.streaming.raw.maxBlockSizeBytes`: what follows it cannot
/// be told apart.
#[derive(Debug)]
pub struct RawSocketReceiver {
    connection: Connection,
    max_block_bytes: u64,
}

impl RawSocketReceiver {
    /// A receiver of what `host` sends at `port`.
    ///
    /// # Errors
    ///
    /// The setting is not a size.
    pub fn new(host: &str, port: u16, settings: &Settings) -> Result<Self, SettingError> {
        let max_block_bytes = settings.bytes("spark.streaming.raw.maxBlockSizeBytes", 1 << 30)?;
        Ok(Self { connection: Connection::new("raw-socket", host, port), max_block_bytes })
    }
}

impl<T: 'static> Receiver<T> for RawSocketReceiver {
    fn on_start(&mut self, handle: ReceiverHandle<T>) -> Result<(), ReceiverError> {
        let max_bytes = self.max_block_bytes;
        self.connection.start(handle, move |mut stream, handle| {
            while let Some(block) = read_block(&mut stream, max_bytes)? {
                if handle.is_stopped() {
                    break;
                }
                handle.store_bytes(block).map_err(|error| Error::other(error.to_string()))?;
            }
            Ok(())
        })
    }

    fn on_stop(&mut self) {
        self.connection.stop();
    }
}

/// The next block; None if the stream ends before one begins.
fn read_block(from: &mut impl Read, max_bytes: u64) -> std::io::Result<Option<Vec<u8>>> {
    let mut head = Vec::with_capacity(4);
    from.by_ref().take(4).read_to_end(&mut head)?;
    if head.is_empty() {
        return Ok(None);
    }
    let head: [u8; 4] = head.try_into().map_err(|_| Error::from(ErrorKind::UnexpectedEof))?;
    let length = i32::from_be_bytes(head);
    let allowed = u64::try_from(length).ok().filter(|length| *length <= max_bytes);
    let Some(bytes) = allowed else {
        return Err(Error::new(
            ErrorKind::InvalidData,
            format!(
                "a block of {length} bytes is announced, 0 to {max_bytes} are allowed; raise \
                 spark.streaming.raw.maxBlockSizeBytes"
            ),
        ));
    };
    // Grows with what comes, not with what is announced.
    let mut block = Vec::new();
    from.by_ref().take(bytes).read_to_end(&mut block)?;
    if (block.len() as u64) < bytes {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(block))
}

#[cfg(test)]
mod tests {
    use super::read_block;

    #[test]
    fn blocks_are_framed() {
        let table: [(&[u8], Result<Option<&[u8]>, &str>); 7] = [
            (b"", Ok(None)),
            (b"\0\0\0\0", Ok(Some(b""))),
            (b"\0\0\0\x02abc", Ok(Some(b"ab"))),
            (b"\0\0\0", Err("unexpected end of file")),
            (b"\0\0\0\x03ab", Err("unexpected end of file")),
            (b"\0\0\0\x05abcde", Err("5 bytes is announced, 0 to 4 are allowed")),
            (b"\xff\xff\xff\xff", Err("-1 bytes is announced")),
        ];
        for (mut bytes, expected) in table {
            match (read_block(&mut bytes, 4), expected) {
                (Ok(got), Ok(expected)) => assert_eq!(got.as_deref(), expected),
                (Err(error), Err(expected)) => {
                    assert!(error.to_string().contains(expected), "{error}");
                }
                (got, expected) => panic!("{got:?} instead of {expected:?}"),
            }
        }
    }
}

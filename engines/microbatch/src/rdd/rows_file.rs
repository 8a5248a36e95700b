//! Rows as bytes, with a checksum: what disk levels, checkpoints and object files are made of.
//!
//! ```text
//! magic 8 | crc32 of the rest 4 | length of the rest 8 | rest: type name, rows (postcard)
//! ```

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::Write;
use std::path::Path;

const MAGIC: &[u8; 8] = b"WEIRROW1";
const HEADER: usize = MAGIC.len() + 4 + 8;

/// Rows as bytes.
pub(crate) fn encode<T: Serialize>(rows: &[T]) -> Result<Vec<u8>, String> {
    encode_as::<T>(rows)
}

/// Rows as bytes, from whatever holds them: `rows` serializes as a `[T]` does.
pub(crate) fn encode_as<T>(rows: impl Serialize) -> Result<Vec<u8>, String> {
    let refused = |error: postcard::Error| {
        format!("{} cannot be serialized: {error}", std::any::type_name::<T>())
    };
    let name = postcard::to_stdvec(std::any::type_name::<T>()).map_err(refused)?;
    let rest = postcard::to_extend(&rows, name).map_err(refused)?;
    let mut bytes = Vec::with_capacity(HEADER + rest.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&crc32fast::hash(&rest).to_le_bytes());
    bytes.extend_from_slice(&(rest.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&rest);
    Ok(bytes)
}

/// What is behind the header of [`encode`]'s bytes, which is not damaged.
fn intact(bytes: &[u8]) -> Result<&[u8], String> {
    let (header, rest) = bytes
        .split_at_checked(HEADER)
        .ok_or_else(|| format!("it ends after {} bytes", bytes.len()))?;
    let (magic, header) = header.split_at(MAGIC.len());
    let (crc, length) = header.split_at(4);
    if magic != MAGIC {
        return Err("it does not begin like a file of rows".into());
    }
    if length != (rest.len() as u64).to_le_bytes() {
        return Err(format!(
            "it holds {} bytes of rows, which is not what its header says",
            rest.len()
        ));
    }
    if crc != crc32fast::hash(rest).to_le_bytes() {
        return Err("its checksum is wrong".into());
    }
    Ok(rest)
}

/// The rows of [`encode`]'s bytes. Bytes that are not exactly those are refused.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<Vec<T>, String> {
    let rest = intact(bytes)?;
    let undecodable = |error: postcard::Error| format!("its rows cannot be read: {error}");
    let (name, rest): (&str, _) = postcard::take_from_bytes(rest).map_err(undecodable)?;
    if name != std::any::type_name::<T>() {
        return Err(format!("it holds {name}, not {}", std::any::type_name::<T>()));
    }
    let (rows, rest) = postcard::take_from_bytes(rest).map_err(undecodable)?;
    if rest.is_empty() { Ok(rows) } else { Err("bytes follow its rows".into()) }
}

/// Writes a whole file: under another name, then renamed, so that the name never holds a part, whatever
/// ends the process. [`sync_with_files`] makes it outlive the machine's power, too.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let write = || {
        let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
        file.write_all(bytes)?;
        file.persist(path).map(drop).map_err(|error| error.error)
    };
    write().map_err(|error| format!("failed to write {}: {error}; check the disk", path.display()))
}

/// Waits until the files of a folder are on the disk, their names, and the folder's own.
pub(crate) fn sync_with_files(folder: &Path) -> Result<(), String> {
    let sync = || {
        for entry in std::fs::read_dir(folder)? {
            File::open(entry?.path())?.sync_all()?;
        }
        File::open(folder)?.sync_all()?;
        File::open(folder.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    sync().map_err(|error| format!("failed to sync {}: {error}; check the disk", folder.display()))
}

/// Reads a file of rows.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, String> {
    read_with(path, |bytes| decode(bytes))
}

/// Whether a file of rows, of whatever type, is as it was written; says why not.
pub(crate) fn verify(path: &Path) -> Result<(), String> {
    read_with(path, |bytes| intact(bytes).map(drop))
}

fn read_with<R>(path: &Path, look: impl Fn(&[u8]) -> Result<R, String>) -> Result<R, String> {
    let bytes = std::fs::read(path)
        .map_err(|error| format!("failed to read {}: {error}; make it anew", path.display()))?;
    look(&bytes).map_err(|why| format!("{} is corrupt: {why}; make it anew", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_damage_is_noticed() {
        let rows = vec![(1u32, "one".to_owned()), (2, "two".to_owned())];
        let bytes = encode(&rows).expect("bytes");
        assert_eq!(decode::<(u32, String)>(&bytes), Ok(rows));
        for length in 0..bytes.len() {
            assert!(decode::<(u32, String)>(&bytes[..length]).is_err(), "cut at {length}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode::<(u32, String)>(&flipped).is_err(), "bit {bit}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(decode::<(u32, String)>(&longer).is_err());
        let other = decode::<(u64, String)>(&bytes).expect_err("another type");
        assert!(other.contains("it holds (u32, alloc::string::String), not (u64"), "{other}");
        assert_eq!(decode::<u8>(&encode::<u8>(&[]).expect("bytes")), Ok(vec![]));
    }
}

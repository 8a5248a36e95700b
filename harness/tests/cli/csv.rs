//! An independent reader of RFC 4180, stricter than readers usually are: every record ends in CRLF,
//! and nothing is quoted or unquoted wrongly.

/// The records of a file, or what is wrong with it.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<Vec<String>>, String> {
    let mut records = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let mut record = Vec::new();
        loop {
            let (field, end) = field(bytes, at)?;
            record.push(String::from_utf8(field).map_err(|error| error.to_string())?);
            at = end;
            match bytes.get(at..) {
                Some([b',', ..]) => at += 1,
                Some([b'\r', b'\n', ..]) => break at += 2,
                rest => return Err(format!("byte {at}: neither comma nor CRLF but {rest:?}")),
            }
        }
        records.push(record);
    }
    Ok(records)
}

/// The field that begins at a byte, and the byte after it.
fn field(bytes: &[u8], begin: usize) -> Result<(Vec<u8>, usize), String> {
    let mut at = begin;
    let mut text = Vec::new();
    if bytes.get(begin) != Some(&b'"') {
        while let Some(&byte) = bytes.get(at).filter(|byte| !matches!(byte, b',' | b'\r' | b'\n')) {
            if byte == b'"' {
                return Err(format!("byte {at}: a quote in a field without quotes"));
            }
            text.push(byte);
            at += 1;
        }
        return Ok((text, at));
    }
    at += 1;
    loop {
        match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b'"'), Some(b'"')) => {
                text.push(b'"');
                at += 2;
            }
            (Some(b'"'), _) => return Ok((text, at + 1)),
            (Some(&byte), _) => {
                text.push(byte);
                at += 1;
            }
            (None, _) => return Err(format!("byte {begin}: a quote that does not end")),
        }
    }
}

#[test]
fn the_reader_is_strict() {
    let good: &[(&[u8], &[&[&str]])] = &[
        (b"", &[]),
        (b"a,1\r\n", &[&["a", "1"]]),
        (b"\"a,\"\"b\",1\r\nc,2\r\n", &[&["a,\"b", "1"], &["c", "2"]]),
        (b",\r\n", &[&["", ""]]),
        (b"\"a\r\nb\",1\r\n", &[&["a\r\nb", "1"]]),
    ];
    for (bytes, want) in good {
        let records = read(bytes).expect("records");
        assert_eq!(records, want.iter().map(|record| record.to_vec()).collect::<Vec<_>>());
    }
    for bad in [&b"a,1"[..], b"a,1\n", b"a\"b,1\r\n", b"\"a,1\r\n", b"\"a\"b,1\r\n", b"\xff,1\r\n"]
    {
        read(bad).expect_err("not RFC 4180");
    }
}

//! Documents that are damaged, or made to do harm: each is refused in one line, or shown without any.

use super::golden::use_all;
use super::schema::small;
use crate::file::MOST_BYTES;
use crate::sweep::Curves;
use crate::terminal::Colour;
use crate::text::is_hostile;
use crate::{
    Document, FileError, Summary, load_document, parse_document, search, sweep, terminal, testing,
    write_all,
};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;

/// A document of each kind.
fn documents() -> [(&'static str, Value); 3] {
    let mut sweep = sweep::tests::over_rate();
    sweep.cells.truncate(2);
    for cell in &mut sweep.cells {
        cell.result = cell.result.take().map(small);
    }
    [
        ("result", json!(small(testing::example()))),
        ("search", json!(search::tests::example())),
        ("sweep", json!(sweep)),
    ]
}

fn parse(bytes: &[u8]) -> Result<Document, FileError> {
    parse_document(bytes, Path::new("odd.json"))
}

/// The message with which it is refused.
fn refused(what: &str, bytes: &[u8]) -> String {
    let message = parse(bytes).map(|_| ()).expect_err(what).to_string();
    assert!(message.contains("odd.json"), "{what}: {message}");
    assert!(!message.chars().any(is_hostile), "{what}: {message:?}");
    assert!(message.len() < 500, "{what}: {} bytes of a message", message.len());
    message
}

#[test]
fn a_part_of_a_document_is_refused() {
    for (name, document) in documents() {
        let whole = document.to_string();
        for twentieth in 0..20 {
            let part = &whole.as_bytes()[..whole.len() * twentieth / 20];
            let message = refused(&format!("{twentieth}/20 of a {name}"), part);
            assert!(message.contains("fetch the file again"), "{message}");
        }
        assert!(parse(whole.as_bytes()).is_ok(), "{name}");
    }
}

#[test]
fn what_is_no_document_is_refused() {
    let (_, result) = &documents()[0];
    let text = result.to_string();
    let nested = "[".repeat(200_000);
    let in_a_field = text.replacen('{', &format!("{{\"later\": {nested}"), 1);
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let with = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1).into_bytes()
    };
    for (what, bytes) in [
        ("nothing", Vec::new()),
        ("zeros", vec![0; 1_000]),
        ("another text", b"<!DOCTYPE html>".to_vec()),
        ("no object", b"[]".to_vec()),
        ("nesting", nested.into_bytes()),
        ("nesting in a field of a later version", in_a_field.into_bytes()),
        ("UTF-16", utf16),
        ("a mark of the byte order", [b"\xef\xbb\xbf".as_slice(), text.as_bytes()].concat()),
        ("text that is no UTF-8", with("\"created\":\"", "\"created\":\"\u{1}")),
        ("bytes that are no UTF-8", [b"{\"kind\": \"".as_slice(), b"\xff\xfe\"}"].concat()),
        ("something behind it", [text.as_bytes(), b"{}"].concat()),
        ("a number out of range", with("\"set_up_s\":", "\"set_up_s\":1e999,\"was\":")),
        ("not a number", with("\"set_up_s\":", "\"set_up_s\":NaN,\"was\":")),
        ("a field twice", with("\"created\":", "\"created\":\"now\",\"created\":")),
        ("a version that is no number", with("\"schema_version\":1", "\"schema_version\":\"1\"")),
        ("a version of long ago", with("\"schema_version\":1", "\"schema_version\":0")),
        ("a version of the future", with("\"schema_version\":1", "\"schema_version\":4294967295")),
        ("an unknown kind", with("{", "{\"kind\":\"\\u001b[2Jtax return\",")),
    ] {
        refused(what, &bytes);
    }
}

#[test]
fn what_is_there_twice_is_refused() {
    for (name, list, part) in [
        ("result", "/workloads", "two workloads called word-count"),
        ("result", "/workloads/0/rows", "has two rows topology"),
        ("search", "/rows", "two rows topology"),
        ("sweep", "/cells", "two cells called "),
        ("sweep", "/cells/0/result/workloads/0/rows", "has two rows topology"),
    ] {
        let documents = documents();
        let (_, document) = documents.iter().find(|(kind, _)| *kind == name).expect("a document");
        let mut document = document.clone();
        let list = document.pointer_mut(list).and_then(Value::as_array_mut).expect("a list");
        list.push(list[0].clone());
        let message = refused(name, document.to_string().as_bytes());
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn one_kind_is_not_taken_for_another() {
    let path = Path::new("odd.json");
    for (name, document) in documents() {
        let bytes = document.to_string().into_bytes();
        let read = [
            crate::parse(&bytes, path).is_ok(),
            search::parse(&bytes, path).is_ok(),
            sweep::parse(&bytes, path).is_ok(),
        ];
        assert_eq!(read, ["result", "search", "sweep"].map(|kind| kind == name), "{name}");
    }
}

#[test]
fn a_file_that_is_too_long_is_not_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("long.json");
    // A hole: it takes no place on the disk.
    std::fs::File::create(&path).and_then(|file| file.set_len(MOST_BYTES + 1)).expect("a hole");
    let message = load_document(&path).map(|_| ()).expect_err("refused").to_string();
    assert!(message.contains("long.json is longer than 1024 MiB"), "{message}");
}

/// Where every value is, all of them.
fn places(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            let name = name.replace('~', "~0").replace('/', "~1");
            places(value, format!("{at}/{name}"), found);
        }),
        Value::Array(values) => values.iter().enumerate().for_each(|(index, value)| {
            places(value, format!("{at}/{index}"), found);
        }),
        _ => found.push(at),
    }
}

/// Breaks out of HTML, attributes, comments and JSON; commands a terminal; reorders a line; leaves a folder.
const POISON: &str =
    "../../<script>alert('x')</script>\"'&amp;\u{1b}[31m\u{9b}2J\r\n\u{202e}\u{ffff}\0-->]]>";

/// Shows a document in every way there is, in a folder of its own, which nothing leaves.
fn shown(what: &str, document: &Document) {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let text = match document {
        Document::Runs(result) => {
            use_all(what, result);
            write_all(result, &out).expect(what);
            terminal::render(&Summary::of(result), 100, Colour::Plain)
        }
        Document::Search(search) => {
            search::write_search(search, &out).expect(what);
            search::render(search, 100, Colour::Plain)
        }
        Document::Sweep(sweep) => {
            sweep::write_all(sweep, &out).expect(what);
            sweep::render(&Curves::of(sweep), 100, Colour::Plain)
        }
    };
    assert!(!text.chars().any(|c| c != '\n' && is_hostile(c)), "{what}: {text:?}");
    let outside = std::fs::read_dir(folder.path()).expect("a folder");
    assert!(outside.flatten().all(|entry| entry.path() == out), "{what}: a file outside");
    tame(what, &out);
}

/// No file in a folder, at any depth, holds what would run, or breaks its format.
fn tame(what: &str, folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("a folder with something in it") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            tame(what, &path);
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("text");
        let name = path.display();
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("html") => assert!(!text.contains("<script"), "{what}: {name}"),
            Some("svg") => {
                assert!(!text.contains("<script"), "{what}: {name}");
                roxmltree::Document::parse(&text).expect("a chart that is XML");
            }
            Some("json") => assert!(!text.chars().any(|c| c != '\n' && is_hostile(c)), "{name}"),
            _ => {}
        }
    }
}

/// Poison in every text in which the reader takes any: that of a kind, a mode or a histogram is refused.
#[test]
fn texts_that_mean_harm_do_none() {
    for (name, mut document) in documents() {
        let mut found = Vec::new();
        places(&document, String::new(), &mut found);
        let (mut poisoned, mut before) = (0, String::new());
        for place in &found {
            let Some(Value::String(text)) = document.pointer_mut(place) else { continue };
            // Names stay different from each other.
            let poison = Value::String(format!("{text}{POISON}"));
            before.clone_from(text);
            *document.pointer_mut(place).expect("a place") = poison;
            if parse(document.to_string().as_bytes()).is_ok() {
                poisoned += 1;
            } else {
                *document.pointer_mut(place).expect("a place") = Value::String(before.clone());
            }
        }
        assert!(poisoned > 15, "{name}: only {poisoned} texts");
        shown(name, &parse(document.to_string().as_bytes()).expect(name));
    }
}

/// Numbers that no run gives, in every place that takes them, all at once and one by one.
#[test]
fn numbers_that_make_no_sense_are_shown() {
    let absurd = [f64::MAX, -1.0, 1e-300].map(|float| json!(float)).into_iter();
    let absurd: Vec<Value> = absurd.chain([json!(0), json!(u32::MAX), json!(u64::MAX)]).collect();
    for (name, document) in documents() {
        let mut found = Vec::new();
        places(&document, String::new(), &mut found);
        found.retain(|place| {
            document.pointer(place).is_some_and(Value::is_number)
                && !place.ends_with("/schema_version")
        });
        assert!(found.len() > 50, "{name}: {} numbers", found.len());
        let with = |mut document: Value, places: &[&String], value: &Value| {
            for place in places {
                *document.pointer_mut(place).expect("a place") = value.clone();
            }
            document
        };
        let taken = |document: &Value| parse(document.to_string().as_bytes());
        for value in &absurd {
            let fits = |place: &&String| {
                // A place of whole numbers takes no others, and of the largest only some do.
                document.pointer(place).is_some_and(Value::is_f64)
                    || value.as_u64().is_some_and(|whole| {
                        whole < u64::MAX || taken(&with(document.clone(), &[place], value)).is_ok()
                    })
            };
            let places: Vec<&String> = found.iter().filter(fits).collect();
            let all = taken(&with(document.clone(), &places, value)).expect(name);
            shown(&format!("{name}, all numbers {value}"), &all);
        }
        // One by one: a value that is fit beside one that is not is another way through the code. Of a list's
        // elements, which are alike, the first two.
        let mut alike = HashMap::<String, usize>::new();
        found.retain(|place| {
            let seen = alike.entry(place.replace(|c: char| c.is_ascii_digit(), "")).or_default();
            *seen += 1;
            *seen <= 2
        });
        for (index, place) in found.iter().enumerate() {
            let value = &absurd[index % absurd.len()];
            if let Ok(document) = taken(&with(document.clone(), &[place], value)) {
                glanced(&document);
            }
        }
    }
}

/// The terminal's text, without a folder.
fn glanced(document: &Document) {
    let text = match document {
        Document::Runs(result) => terminal::render(&Summary::of(result), 80, Colour::Plain),
        Document::Search(search) => search::render(search, 80, Colour::Plain),
        Document::Sweep(sweep) => sweep::render(&Curves::of(sweep), 80, Colour::Plain),
    };
    assert!(!text.is_empty());
}

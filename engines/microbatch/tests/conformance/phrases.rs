//! Prose, as far as cases are told in it: a text is cut into clauses, and a clause is matched with a
//! pattern that has holes. A clause that fits no pattern is a failure that quotes it.

/// Cuts a text at `mark`, but not inside quotes or brackets.
pub(crate) fn clauses(text: &str, mark: char) -> Vec<&str> {
    let (mut depth, mut quoted, mut start) = (0_usize, false, 0);
    let mut found = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '(' | '[' if !quoted => depth += 1,
            ')' | ']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        if c == mark && !quoted && depth == 0 {
            found.push(text[start..at].trim());
            start = at + c.len_utf8();
        }
    }
    found.push(text[start..].trim());
    found.retain(|clause| !clause.is_empty());
    found
}

/// What stands in the holes of a pattern, if a text fits it: `{n}` a number, `{w}` a word, `{q}` what
/// is in quotes, `{*}` anything, nothing too.
pub(crate) fn holes<'t, const N: usize>(text: &'t str, pattern: &str) -> Option<[&'t str; N]> {
    let mut found = Vec::new();
    if !fits(text.trim(), pattern, &mut found) {
        return None;
    }
    found.try_into().ok()
}

/// Whether a text fits a pattern whose holes say nothing.
pub(crate) fn is(text: &str, pattern: &str) -> bool {
    fits(text.trim(), pattern, &mut Vec::new())
}

fn fits<'t>(text: &'t str, pattern: &str, found: &mut Vec<&'t str>) -> bool {
    let Some(open) = pattern.find('{') else { return text == pattern };
    let Some(text) = text.strip_prefix(&pattern[..open]) else { return false };
    let Some((hole, rest)) = pattern[open + 1..].split_once('}') else { return false };
    let run = |inside: fn(char) -> bool| text.find(|c| !inside(c)).unwrap_or(text.len());
    let (least, most) = match hole {
        "n" => (1, run(|c| c.is_ascii_digit())),
        "w" => (1, run(|c| !c.is_whitespace() && !",;:()[]\"".contains(c))),
        "q" => match text.strip_prefix('"').and_then(|text| text.find('"')) {
            Some(length) => (length + 2, length + 2),
            None => return false,
        },
        "*" => (0, text.len()),
        _ => return false,
    };
    // The longest that lets the rest fit.
    for length in (least..=most).rev().filter(|length| text.is_char_boundary(*length)) {
        let before = found.len();
        let what = &text[..length];
        found.push(if hole == "q" { what.trim_matches('"') } else { what });
        if fits(&text[length..], rest, found) {
            return true;
        }
        found.truncate(before);
    }
    false
}

pub(crate) fn number(text: &str) -> Result<u64, String> {
    text.trim().parse().map_err(|_| format!("{text:?} is no number"))
}

/// Milliseconds, from `500ms`, `2s`, `2 s` or `1m`.
pub(crate) fn span_ms(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let count: u64 = text[..end].parse().ok()?;
    let unit = match text[end..].trim() {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        _ => return None,
    };
    Some(count * unit)
}

/// Numbers from `"3"` or `"1..10"`.
pub(crate) fn range(text: &str) -> Option<std::ops::RangeInclusive<u64>> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    Some(from.trim().parse().ok()?..=to.trim().parse().ok()?)
}

/// The failure of a clause that nobody knows.
pub(crate) fn unknown<T>(clause: &str) -> Result<T, String> {
    Err(format!("{clause:?} is not known"))
}

#[test]
fn patterns_have_holes() {
    let text = "create file \"a b\" content \"0\\n\" mtime=10000 before the context exists";
    let pattern = "create file {q} content {q} mtime={n}{*}";
    assert_eq!(holes(text, pattern), Some(["a b", "0\\n", "10000", " before the context exists"]));
    assert_eq!(holes::<1>("allocate(t1=now)", "allocate({*})"), Some(["t1=now"]));
    assert_eq!(holes::<1>("add 5 blocks more", "add {n} blocks"), None);
    assert_eq!(clauses("a (b; c); \"d;e\" ;f", ';'), ["a (b; c)", "\"d;e\"", "f"]);
    assert_eq!((span_ms("2s"), span_ms("2 ms"), span_ms("2")), (Some(2_000), Some(2), None));
}

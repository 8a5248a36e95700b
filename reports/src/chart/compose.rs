//! Several drawings on one sheet, one below the other, with what has to be said about them.

use super::canvas::{FONT, TEXT_PX, escaped};
use super::panel::WIDTH;
use crate::summary::Semantics;
use crate::text::wrap;
use std::fmt::Write as _;

/// A drawing and what stands above it.
pub(crate) struct Part {
    /// Empty for nothing.
    pub(crate) heading: String,
    /// A document of this crate's [`sheet`](super::canvas::sheet).
    pub(crate) svg: String,
}

/// Characters of a line that fit the sheet, with room to spare.
const LINE: usize = 112;
const PITCH: f64 = 16.0;
const HEADING: f64 = 30.0;
const MARGIN: f64 = 16.0;

/// What is said of rows of different labels that are not overlaid; the command overlays them.
pub(crate) fn apart(command: &str) -> String {
    format!(
        "Rows that guarantee different things do different work, so each label has a panel of its own, with a \
         scale of its own. To overlay them: {command} --allow-mixed."
    )
}

/// What is said of those that are; each label with its rows.
pub(crate) fn mixed<'a>(labels: impl Iterator<Item = (&'a Semantics, Vec<&'a str>)>) -> String {
    let each = labels.map(|(label, rows)| format!("{label}: {}", rows.join(", ")));
    format!("Mixed: the rows do different work. {}.", each.collect::<Vec<_>>().join("; "))
}

/// Puts the parts below a note, if there is one.
pub(crate) fn stack(title: &str, note: &str, parts: &[Part]) -> String {
    let mut inner = String::new();
    let mut y = MARGIN;
    let mut say = |text: &str, y: f64, colour: &str, weight: &str| {
        let text = escaped(text);
        let _ = writeln!(
            inner,
            "<text x=\"16\" y=\"{y}\" dy=\"0.35em\" font-family=\"{FONT}\" font-size=\"{TEXT_PX}\" \
             font-weight=\"{weight}\" fill=\"{colour}\">{text}</text>"
        );
    };
    for line in wrap(note, LINE, "").into_iter().filter(|line| !line.is_empty()) {
        say(&line, y, "#666666", "normal");
        y += PITCH;
    }
    let mut places = Vec::new();
    for part in parts {
        if !part.heading.is_empty() {
            for line in wrap(&part.heading, LINE, "") {
                say(&line, y + HEADING / 2.0, "#222222", "bold");
                y += PITCH;
            }
            y += HEADING - PITCH;
        }
        places.push(y);
        y += height(&part.svg);
    }
    for (part, y) in parts.iter().zip(places) {
        if part.svg.is_empty() {
            continue;
        }
        let placed = part.svg.replacen("<svg ", &format!("<svg x=\"0\" y=\"{y}\" "), 1);
        inner.push_str(placed.trim_end());
        inner.push('\n');
    }
    let title = escaped(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{y}\" \
         viewBox=\"0 0 {WIDTH} {y}\" role=\"img\" aria-label=\"{title}\">\n<title>{title}</title>\n\
         <rect width=\"{WIDTH}\" height=\"{y}\" fill=\"#ffffff\"/>\n{inner}</svg>\n"
    )
}

/// The height that a sheet says it has.
fn height(svg: &str) -> f64 {
    let said = svg.split_once(" height=\"").and_then(|(_, rest)| rest.split_once('"'));
    said.and_then(|(text, _)| text.parse().ok()).unwrap_or(0.0)
}

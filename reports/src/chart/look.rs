//! What a row looks like, in every chart.

use super::canvas::{Canvas, Draw, Pen};
use crate::summary::RowSummary;
use plotters::style::RGBColor;

pub(super) const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
pub(super) const SOFT: RGBColor = RGBColor(0x66, 0x66, 0x66);
pub(super) const GRID: RGBColor = RGBColor(0xe4, 0xe4, 0xe4);
pub(super) const SHADE: RGBColor = RGBColor(0xf1, 0xf1, 0xf1);
pub(super) const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);

/// The fixed colours of the engines, after Okabe and Ito.
const ENGINES: [(&str, RGBColor); 5] = [
    ("topology", RGBColor(0x00, 0x72, 0xb2)),
    ("microbatch", RGBColor(0xd5, 0x5e, 0x00)),
    ("oracle", RGBColor(0x00, 0x00, 0x00)),
    ("loop", RGBColor(0x00, 0x00, 0x00)),
    ("null", RGBColor(0x99, 0x99, 0x99)),
];

/// Colours of other engines, in the order of their first row.
const OTHERS: [RGBColor; 3] =
    [RGBColor(0x00, 0x9e, 0x73), RGBColor(0xcc, 0x79, 0xa7), RGBColor(0x56, 0xb4, 0xe9)];

const DASHES: [Option<(f64, f64)>; 5] =
    [None, Some((9.0, 4.0)), Some((3.0, 3.0)), Some((16.0, 4.0)), Some((1.5, 4.0))];

/// How a row is told from others: colour by engine; dash and marker by its place among the engine's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Look {
    pub(super) colour: RGBColor,
    dash: Option<(f64, f64)>,
    marker: usize,
}

impl Look {
    pub(super) const fn pen(&self) -> Pen {
        Pen { colour: self.colour, width: 2.0, dash: self.dash }
    }

    /// A sign on the line that tells rows apart where dashes do not show.
    pub(super) fn mark(&self, canvas: &Canvas<'_>, (x, y): (f64, f64)) -> Draw {
        let r = 3.6;
        let square = [(x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)];
        let up = [(x, y - r - 1.0), (x + r + 0.8, y + r), (x - r - 0.8, y + r)];
        let diamond = [(x, y - r - 1.2), (x + r + 1.2, y), (x, y + r + 1.2), (x - r - 1.2, y)];
        match self.marker {
            0 => canvas.disc((x, y), r, self.colour),
            1 => canvas.shape(&square, self.colour),
            2 => canvas.shape(&up, self.colour),
            3 => canvas.shape(&diamond, self.colour),
            _ => {
                canvas.disc((x, y), r + 0.6, self.colour)?;
                canvas.disc((x, y), r - 1.4, PAPER)
            }
        }
    }
}

/// What a row's line is called: its latency means something else where it fell behind.
pub(super) fn line_name(row: &RowSummary, load: Option<usize>) -> String {
    match row.at(load) {
        Some(paced) if paced.sustained == Some(false) => format!("{} (behind)", row.id),
        _ => row.id.clone(),
    }
}

/// The look of each row; the same in every chart of the workload, whichever rows are drawn.
pub(super) fn looks(rows: &[RowSummary]) -> Vec<Look> {
    looks_of(&rows.iter().map(|row| row.engine.as_str()).collect::<Vec<_>>())
}

/// The look of rows of these engines, in this order.
pub(crate) fn looks_of(engines: &[&str]) -> Vec<Look> {
    let mut others: Vec<&str> = Vec::new();
    engines
        .iter()
        .enumerate()
        .map(|(at, engine)| {
            let known = ENGINES.iter().find(|(name, _)| name == engine);
            let colour = known.map_or_else(
                || {
                    if !others.contains(engine) {
                        others.push(engine);
                    }
                    let place = others.iter().position(|name| name == engine).unwrap_or(0);
                    OTHERS[place % OTHERS.len()]
                },
                |(_, colour)| *colour,
            );
            let place = engines[..at].iter().filter(|before| *before == engine).count();
            Look { colour, dash: DASHES[place % DASHES.len()], marker: place % 5 }
        })
        .collect()
}

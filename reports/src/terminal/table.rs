//! A table of text that knows how wide it may be.

use crate::terminal::Colour;
use crate::text::{fit, width};
use anstyle::{Ansi256Color, AnsiColor, Style};

/// On which side a column's cells are flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// A column and how readily it is given up.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    head: &'static str,
    align: Align,
    drop: Option<u8>,
}

impl Column {
    pub(crate) const fn new(head: &'static str, align: Align) -> Self {
        Self { head, align, drop: None }
    }

    /// Leaves the column out where there is no room; lowest first.
    pub(crate) const fn drop_at(self, order: u8) -> Self {
        Self { drop: Some(order), ..self }
    }
}

/// What a cell's colour says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    #[default]
    Plain,
    Strong,
    Faint,
    Good,
    Warn,
    Bad,
    Topology,
    Microbatch,
}

impl Tone {
    /// The engine's colour, the nearest to its colour in charts that 256 colours have.
    pub(crate) fn of_engine(engine: &str) -> Self {
        match engine {
            "topology" => Self::Topology,
            "microbatch" => Self::Microbatch,
            "null" => Self::Faint,
            _ => Self::Plain,
        }
    }

    const fn style(self) -> Style {
        let style = Style::new();
        match self {
            Self::Plain => style,
            Self::Strong => style.bold(),
            Self::Faint => style.dimmed(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Warn => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Topology => Ansi256Color(32).on_default(),
            Self::Microbatch => Ansi256Color(166).on_default(),
        }
    }

    pub(crate) fn paint(self, text: &str, colour: Colour) -> String {
        if colour == Colour::Plain || self == Self::Plain {
            return text.to_owned();
        }
        let style = self.style();
        format!("{style}{text}{style:#}")
    }
}

/// A cell.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    pub(crate) const fn new(text: String) -> Self {
        Self { text, tone: Tone::Plain }
    }

    /// A cell with nothing to say.
    pub(crate) fn none() -> Self {
        Self::new("-".to_owned()).tone(Tone::Faint)
    }

    pub(crate) fn of(text: Option<String>) -> Self {
        text.map_or_else(Self::none, Self::new)
    }

    pub(crate) fn tone(self, tone: Tone) -> Self {
        Self { tone, ..self }
    }
}

/// A table of which every row has a cell per column.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

const INDENT: usize = 2;
const GAP: usize = 2;

impl Table {
    pub(crate) const fn new(columns: Vec<Column>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    pub(crate) fn push(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells);
    }

    /// Columns that the whole table takes.
    pub(crate) fn natural_width(&self) -> usize {
        total(&(0..self.columns.len()).collect::<Vec<_>>(), &self.widths())
    }

    /// The lines, none wider than `limit`, and the heads of the columns left out.
    pub(crate) fn lines(&self, limit: usize, colour: Colour) -> (Vec<String>, Vec<&'static str>) {
        let mut kept: Vec<usize> = (0..self.columns.len()).collect();
        let mut widths = self.widths();
        let mut left_out = Vec::new();
        while total(&kept, &widths) > limit {
            let first_to_go = kept
                .iter()
                .copied()
                .filter(|at| self.columns[*at].drop.is_some())
                .min_by_key(|at| self.columns[*at].drop);
            let Some(gone) = first_to_go else { break };
            kept.retain(|at| *at != gone);
            left_out.push(self.columns[gone].head);
        }
        // What is still too wide is cut, the widest column first.
        while total(&kept, &widths) > limit {
            let Some(&widest) = kept.iter().max_by_key(|at| widths[**at]) else { break };
            if widths[widest] <= 4 {
                break;
            }
            widths[widest] -= 1;
        }
        let head: Vec<Cell> = self
            .columns
            .iter()
            .map(|column| Cell::new(column.head.to_owned()).tone(Tone::Faint))
            .collect();
        let lines = std::iter::once(&head)
            .filter(|head| head.iter().any(|cell| !cell.text.is_empty()))
            .chain(&self.rows)
            .map(|row| self.line(row, &kept, &widths, colour))
            .collect();
        (lines, left_out)
    }

    fn widths(&self) -> Vec<usize> {
        let cell_width = |row: &Vec<Cell>, at: usize| row.get(at).map_or(0, |c| width(&c.text));
        (0..self.columns.len())
            .map(|at| {
                let widest = self.rows.iter().map(|row| cell_width(row, at)).max().unwrap_or(0);
                widest.max(width(self.columns[at].head))
            })
            .collect()
    }

    fn line(&self, row: &[Cell], kept: &[usize], widths: &[usize], colour: Colour) -> String {
        let mut line = " ".repeat(INDENT);
        for (place, &at) in kept.iter().enumerate() {
            let Some(cell) = row.get(at) else { continue };
            let text = fit(&cell.text, widths[at]);
            let padding = " ".repeat(widths[at] - width(&text));
            let painted = cell.tone.paint(&text, colour);
            if place > 0 {
                line.push_str(&" ".repeat(GAP));
            }
            match self.columns[at].align {
                Align::Left => line.extend([painted, padding]),
                Align::Right => line.extend([padding, painted]),
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

fn total(kept: &[usize], widths: &[usize]) -> usize {
    let cells: usize = kept.iter().map(|at| widths[*at]).sum();
    INDENT + cells + GAP * kept.len().saturating_sub(1)
}

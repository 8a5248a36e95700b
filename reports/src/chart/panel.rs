//! A rectangle with two axes, and names at the ends of its lines.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, Draw, Pen};
use super::look::{GRID, INK, SOFT};
use crate::text::fit;
use plotters::style::RGBColor;

/// Pixels of every chart's width; wide enough for six ticks and a name, and shown unscaled in a
/// window of 800.
pub(super) const WIDTH: f64 = 760.0;
/// Room for names to the right of a panel.
pub(super) const NAMES: f64 = 158.0;
/// Characters of a name that fit there.
const NAME_CHARS: usize = 21;
/// Least distance between two names, baseline to baseline.
const NAME_GAP: f64 = 15.0;

/// A panel: where it is, and its scales.
pub(super) struct Panel {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
    pub(super) x: Axis,
    pub(super) y: Axis,
}

impl Panel {
    /// The place of a point of data.
    pub(super) fn at(&self, x: f64, y: f64) -> (f64, f64) {
        (self.x_at(x), self.y_at(y))
    }

    pub(super) fn x_at(&self, x: f64) -> f64 {
        self.left + self.x.share(x) * (self.right - self.left)
    }

    pub(super) fn y_at(&self, y: f64) -> f64 {
        self.bottom - self.y.share(y) * (self.bottom - self.top)
    }

    /// Grid, ticks and the names of both axes. The vertical one's stands above it, to be read without
    /// turning the head.
    pub(super) fn frame(&self, canvas: &Canvas<'_>, x_name: &str, y_name: &str) -> Draw {
        for (value, label) in &self.y.ticks {
            let y = self.y_at(*value);
            canvas.line(&[(self.left, y), (self.right, y)], Pen::solid(GRID, 1.0))?;
            canvas.text(label, (self.left - 7.0, y), Anchor::End, SOFT)?;
        }
        for (value, label) in &self.x.ticks {
            let x = self.x_at(*value);
            canvas.line(&[(x, self.top), (x, self.bottom)], Pen::solid(GRID, 1.0))?;
            if !x_name.is_empty() {
                canvas.text(label, (x, self.bottom + 13.0), Anchor::Middle, SOFT)?;
            }
        }
        canvas
            .line(&[(self.left, self.bottom), (self.right, self.bottom)], Pen::solid(SOFT, 1.0))?;
        if !x_name.is_empty() {
            let middle = f64::midpoint(self.left, self.right);
            canvas.text(x_name, (middle, self.bottom + 31.0), Anchor::Middle, INK)?;
        }
        canvas.text(y_name, (self.left, self.top - 11.0), Anchor::Start, INK)
    }

    /// Writes names to the right of the points where lines end, apart from one another.
    pub(super) fn names(&self, canvas: &Canvas<'_>, names: Vec<Name>) -> Draw {
        let wanted: Vec<f64> = names.iter().map(|name| name.y).collect();
        let placed = spread_out(&wanted, self.top, self.bottom);
        for (name, y) in names.iter().zip(placed) {
            let elbow = self.right + 8.0;
            if (y - name.y).abs() > 2.0 {
                let leader = [(name.x, name.y), (self.right + 1.0, name.y), (elbow + 4.0, y)];
                canvas.line(&leader, Pen::solid(name.colour, 0.75))?;
            }
            let text = fit(&name.text, NAME_CHARS);
            canvas.text(&text, (elbow + 6.0, y), Anchor::Start, name.colour)?;
        }
        Ok(())
    }
}

/// A name for the end of a line.
pub(super) struct Name {
    pub(super) text: String,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) colour: RGBColor,
}

/// Moves places apart until no two are nearer than a line of text, with as little motion as needed
/// and within bounds while there is room. Keeps their order.
fn spread_out(wanted: &[f64], top: f64, bottom: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]));
    // Blocks of touching names, each centred on the mean of what its members want.
    let mut blocks: Vec<(f64, usize)> = Vec::new();
    for at in &order {
        blocks.push((wanted[*at], 1));
        while let [.., (above, m), (below, n)] = blocks[..] {
            if below - above >= NAME_GAP * (m + n) as f64 / 2.0 {
                break;
            }
            let centre = (above * m as f64 + below * n as f64) / (m + n) as f64;
            blocks.truncate(blocks.len() - 2);
            blocks.push((centre, m + n));
        }
    }
    let mut placed = vec![0.0; wanted.len()];
    let mut rank = 0;
    let mut floor = top;
    for (centre, count) in blocks {
        let height = NAME_GAP * (count - 1) as f64;
        let start = (centre - height / 2.0).min(bottom - height).max(floor);
        for i in 0..count {
            placed[order[rank]] = start + NAME_GAP * i as f64;
            rank += 1;
        }
        floor = start + height + NAME_GAP;
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_do_not_touch_stay_put() {
        assert_eq!(spread_out(&[100.0, 50.0], 0.0, 200.0), [100.0, 50.0]);
        assert_eq!(spread_out(&[100.0, 100.0], 0.0, 200.0), [92.5, 107.5]);
        assert_eq!(spread_out(&[0.0, 1.0], 0.0, 200.0), [0.0, 15.0]);
    }

    proptest! {
        #[test]
        fn names_never_touch(wanted in proptest::collection::vec(0.0f64..200.0, 0..10)) {
            let mut placed = spread_out(&wanted, 0.0, 200.0);
            placed.sort_by(f64::total_cmp);
            for pair in placed.windows(2) {
                prop_assert!(pair[1] - pair[0] >= NAME_GAP - 1e-6, "{placed:?}");
            }
        }
    }
}

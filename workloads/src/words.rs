//! Words: what lies between Unicode `White_Space`.

use crate::Text;
use weir_dataflow::{Emit, Transform};

/// Lines into words.
#[derive(Clone, Copy, Debug, Default)]
pub struct SplitWords;

impl Transform for SplitWords {
    type In = Text;
    type Out = Text;
    #[inline(always)]
    fn apply(&mut self, line: Text, out: &mut impl Emit<Text>) {
        line.for_each_word(|word| out.emit(word));
    }
    fn label(&self) -> String {
        "split".into()
    }
}

//! Rows as text: what a key or a value looks like in a CSV file.

use crate::Text;

/// A part of a row that can be written out, as one or more CSV fields.
pub trait Field {
    /// Appends its fields.
    fn fields(&self, out: &mut Vec<String>);
}

impl Field for Text {
    fn fields(&self, out: &mut Vec<String>) {
        out.push(self.as_str().to_owned());
    }
}

macro_rules! display_field {
    ($($t:ty),+) => {$(
        impl Field for $t {
            fn fields(&self, out: &mut Vec<String>) {
                out.push(self.to_string());
            }
        }
    )+};
}
display_field!(u32, u64, i64, String);

impl<A: Field, B: Field> Field for (A, B) {
    fn fields(&self, out: &mut Vec<String>) {
        self.0.fields(out);
        self.1.fields(out);
    }
}

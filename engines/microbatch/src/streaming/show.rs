//! Records as text, as Spark prints them: a string without quotes, a pair in parentheses.

use std::fmt::Write;

/// Can be printed and saved as a line of text.
pub trait Show {
    /// Appends the text.
    fn show(&self, to: &mut String);
}

macro_rules! by_display {
    ($($of:ty),*) => {$(
        impl Show for $of {
            fn show(&self, to: &mut String) {
                // Writing to a string cannot fail.
                let _ = write!(to, "{self}");
            }
        }
    )*};
}

by_display!(
    bool, char, f32, f64, i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize, str,
    String
);

impl<T: Show + ?Sized> Show for &T {
    fn show(&self, to: &mut String) {
        (**self).show(to);
    }
}

impl<T: Show + ?Sized> Show for std::sync::Arc<T> {
    fn show(&self, to: &mut String) {
        (**self).show(to);
    }
}

impl Show for () {
    fn show(&self, to: &mut String) {
        to.push_str("()");
    }
}

impl<T: Show> Show for Option<T> {
    fn show(&self, to: &mut String) {
        match self {
            None => to.push_str("None"),
            Some(value) => list("Some", std::slice::from_ref(value), to),
        }
    }
}

impl<T: Show> Show for Vec<T> {
    fn show(&self, to: &mut String) {
        list("List", self, to);
    }
}

fn list<T: Show>(name: &str, values: &[T], to: &mut String) {
    to.push_str(name);
    to.push('(');
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            to.push_str(", ");
        }
        value.show(to);
    }
    to.push(')');
}

macro_rules! tuples {
    ($(($first:ident $($more:ident)*))*) => {$(
        impl<$first: Show $(, $more: Show)*> Show for ($first, $($more),*) {
            fn show(&self, to: &mut String) {
                #[expect(non_snake_case, reason = "named after their types")]
                let ($first, $($more),*) = self;
                to.push('(');
                $first.show(to);
                $(to.push(','); $more.show(to);)*
                to.push(')');
            }
        }
    )*};
}

tuples!((A B)(A B C)(A B C D)(A B C D E));

#[cfg(test)]
mod tests {
    use super::Show;

    #[test]
    fn text_is_that_of_spark() {
        let shown = |value: &dyn Show| {
            let mut text = String::new();
            value.show(&mut text);
            text
        };
        assert_eq!(shown(&("the", 1)), "(the,1)");
        assert_eq!(shown(&(String::from("a"), (1, Some(2.5)))), "(a,(1,Some(2.5)))");
        assert_eq!(shown(&vec![None, Some(1)]), "List(None, Some(1))");
        assert_eq!(shown(&vec![((), true, 'x')]), "List(((),true,x))");
    }
}

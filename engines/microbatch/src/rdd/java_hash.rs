//! Keys placed as the JVM places them.

use super::Partitioner;
use crate::ContextError;
use std::any::Any;

/// A value that has a hash code in Java: see [`JavaHashPartitioner`].
pub trait JavaHash {
    /// What `hashCode` returns for it.
    fn java_hash(&self) -> i32;
}

/// Keys by their hash codes in Java: Spark's `HashPartitioner` to the letter.
///
/// For output whose part files must hold the keys that Spark's would. Everything else is better
/// served by [`HashPartitioner`](crate::HashPartitioner): Java's codes of numbers are the numbers
/// themselves, so that keys with a common step fill few partitions.
///
/// ```
/// use weir_microbatch::{JavaHashPartitioner, SparkContext};
///
/// let sc = SparkContext::local(1)?;
/// let pairs = sc.parallelize(vec![("a", 1), ("b", 2), ("california", 3)], 1)?;
/// let placed = pairs.partition_by(JavaHashPartitioner::new(2)?).glom().collect()?;
/// assert_eq!(placed, [vec![("b", 2), ("california", 3)], vec![("a", 1)]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JavaHashPartitioner(i32);

impl JavaHashPartitioner {
    /// Into `partitions` partitions: at least one, and no more than a Java `int` can count.
    ///
    /// # Errors
    ///
    /// [`ContextError::NoPartitions`].
    pub fn new(partitions: usize) -> Result<Self, ContextError> {
        match i32::try_from(partitions) {
            Ok(partitions) if partitions > 0 => Ok(Self(partitions)),
            _ => Err(ContextError::NoPartitions),
        }
    }
}

impl<K: JavaHash> Partitioner<K> for JavaHashPartitioner {
    fn partitions(&self) -> usize {
        self.0.unsigned_abs() as usize
    }
    fn partition(&self, key: &K) -> usize {
        key.java_hash().rem_euclid(self.0).unsigned_abs() as usize
    }
    fn equals(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<Self>() == Some(self)
    }
}

impl JavaHash for str {
    /// Of its UTF-16 units, as Java's strings are made of them.
    fn java_hash(&self) -> i32 {
        self.encode_utf16().fold(0, |hash, unit| hash.wrapping_mul(31).wrapping_add(unit.into()))
    }
}

impl JavaHash for String {
    fn java_hash(&self) -> i32 {
        self.as_str().java_hash()
    }
}

impl JavaHash for i32 {
    fn java_hash(&self) -> i32 {
        *self
    }
}

impl JavaHash for i64 {
    fn java_hash(&self) -> i32 {
        // The two halves, of which the lower one is what is kept.
        (*self ^ (*self as u64 >> 32) as i64) as i32
    }
}

impl JavaHash for bool {
    fn java_hash(&self) -> i32 {
        if *self { 1231 } else { 1237 }
    }
}

impl JavaHash for char {
    /// Characters beyond the first plane are two of Java's, and have no code of their own there; they
    /// hash as a string of one.
    fn java_hash(&self) -> i32 {
        let mut units = [0; 2];
        let units = self.encode_utf16(&mut units).iter();
        units.fold(0, |hash, unit| hash.wrapping_mul(31).wrapping_add((*unit).into()))
    }
}

impl<K: JavaHash> JavaHash for Option<K> {
    /// `None` stands for null, which Spark puts into the first partition.
    fn java_hash(&self) -> i32 {
        self.as_ref().map_or(0, JavaHash::java_hash)
    }
}

impl<K: JavaHash + ?Sized> JavaHash for &K {
    fn java_hash(&self) -> i32 {
        (**self).java_hash()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the definition in Java's documentation.
    #[test]
    fn codes_are_javas() {
        let texts =
            [("", 0), ("a", 97), ("hello", 99_162_322), ("\u{e9}", 233), ("\u{1f600}", 1_772_899)];
        for (text, code) in texts {
            assert_eq!(text.java_hash(), code, "{text:?}");
        }
        // A text that is known for its code, the least that there is.
        assert_eq!("polygenelubricants".java_hash(), i32::MIN);
        for (number, code) in
            [(7_i64, 7), (-1, 0), (1 << 32, 1), ((1 << 32) + 5, 4), (i64::MIN, i32::MIN)]
        {
            assert_eq!(number.java_hash(), code, "{number}");
        }
        assert_eq!((true.java_hash(), false.java_hash(), None::<i32>.java_hash()), (1231, 1237, 0));
    }

    #[test]
    fn negative_codes_have_a_partition() {
        let three = JavaHashPartitioner::new(3).expect("three");
        assert_eq!(
            (-7..0).map(|key: i32| three.partition(&key)).collect::<Vec<_>>(),
            [2, 0, 1, 2, 0, 1, 2]
        );
        assert_eq!(JavaHashPartitioner::new(0), Err(ContextError::NoPartitions));
    }
}

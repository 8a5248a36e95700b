//! The operations of a pipeline, by their names.

use crate::case::Case;
use crate::functions;
use crate::pipeline::rows;
use crate::pipeline::{Refusal, Run, Stream};
use crate::value::Value;
use serde_json::Value as Json;
use std::sync::Arc;
use std::time::Duration;
use weir_microbatch::{DStream, Rdd, StateSpec, StorageLevel, StreamingError};

fn millis(step: &Case<'_>, field: &str) -> Result<Duration, Refusal> {
    Ok(Duration::from_millis(step.int(field)?))
}

/// A number of partitions; 0 asks for the default.
fn partitions(step: &Case<'_>) -> Result<usize, Refusal> {
    Ok(step.int_or("num_partitions", 0)? as usize)
}

/// The length and the slide of a window, which is the stream's own unless it is said.
fn window(stream: &Stream, step: &Case<'_>) -> Result<(Duration, Duration), Refusal> {
    let slide = match step.get("slide_ms") {
        Some(_) => millis(step, "slide_ms")?,
        None => stream.info().slide,
    };
    Ok((millis(step, "window_ms")?, slide))
}

const fn number(n: u64) -> Value {
    Value::Int(n as i64)
}

impl Run {
    fn result_prefix(&self) -> Result<String, Refusal> {
        let folder = self.files.as_ref().ok_or("there is no place for files".to_owned())?;
        Ok(folder.join("result").display().to_string())
    }

    /// A stream that is made of a source with steps of its own.
    fn side(&self, from: &Json) -> Result<Stream, Refusal> {
        let from = Case::new(from);
        let made = self.build(self.source(&from["from"])?, &from["steps"])?.pop();
        from.finished()?;
        Ok(made.ok_or("no stream".to_owned())?)
    }

    fn initial(&self, step: &Case<'_>) -> Result<Option<Rdd<(Value, Value)>>, Refusal> {
        if step["initial"].is_null() {
            return Ok(None);
        }
        let pairs = rows(&step["initial"])?.into_iter().map(Value::into_pair).collect();
        Ok(Some(self.sc.parallelize(pairs, 2).expect("partitions")))
    }

    /// What an operation makes of a stream. A step that says more than is understood is refused.
    pub(crate) fn step(&self, stream: &Stream, step: &Json) -> Result<Stream, Refusal> {
        let step = &Case::new(step);
        let op = step.text("op")?;
        let mut made = self.plain_step(op, stream, step)?;
        if made.is_none() {
            made = self.pair_step(op, stream, step)?;
        }
        if made.is_none() {
            made = windowed_step(op, stream, step)?;
        }
        if made.is_none() {
            made = self.kept_step(op, stream, step)?;
        }
        let made = made.ok_or_else(|| Refusal::Case(format!("unknown operation {op:?}")))?;
        step.finished()?;
        Ok(made)
    }

    /// Operations of any stream.
    fn plain_step(
        &self,
        op: &str,
        stream: &Stream,
        step: &Case<'_>,
    ) -> Result<Option<Stream>, Refusal> {
        use Stream::{Pairs, Plain};
        let name = || step.text("fn");
        Ok(Some(match op {
            "map" => Plain(stream.plain()?.map(functions::map(name()?)?)?),
            "flatMap" => Plain(stream.plain()?.flat_map(functions::flat_map(name()?)?)?),
            "filter" => Plain(stream.plain()?.filter(functions::filter(name()?)?)?),
            "glom" => Plain(stream.plain()?.glom()?.map(Value::List)?),
            "mapPartitions" => {
                let f = functions::map_partitions(name()?)?;
                Plain(stream.plain()?.map_partitions(move |input, out| {
                    let mut all = Vec::new();
                    input.for_each(|row| all.push(row))?;
                    f(all).into_iter().for_each(out);
                    Ok(())
                })?)
            }
            "repartition" => Plain(stream.plain()?.repartition(step.int("n")? as usize)?),
            "reduce" => Plain(stream.plain()?.reduce(functions::reduce(name()?)?)?),
            "count" => Plain(stream.plain()?.count()?.map(number)?),
            "countByValue" => {
                let counts = stream.plain()?.count_by_value(partitions(step)?)?;
                Pairs(counts.map_values(number)?)
            }
            "union" => Plain(stream.plain()?.union(&self.side(&step["with"])?.plain()?)?),
            "transform" => Plain(transform(&stream.plain()?, name()?, self.result_prefix())?),
            "transformWith" => {
                transform_with(stream, &self.side(&step["with"])?, step.text("fn")?)?
            }
            "contextTransform" => Plain(self.transform_all(step)?),
            _ => return Ok(None),
        }))
    }

    fn transform_all(&self, step: &Case<'_>) -> Result<DStream<Value>, Refusal> {
        let sides = step.list("streams")?.iter().map(|side| Ok(self.side(side)?.plain()?));
        let streams = sides.collect::<Result<Vec<_>, Refusal>>()?;
        match step.text("fn")? {
            "rdds_union" => {
                let sc = self.sc.clone();
                Ok(self.ssc.transform(&streams, move |rdds, _| sc.union(&rdds))?)
            }
            other => Err(Refusal::Case(format!("unknown rdd function {other:?}"))),
        }
    }

    /// Operations of pairs.
    fn pair_step(
        &self,
        op: &str,
        stream: &Stream,
        step: &Case<'_>,
    ) -> Result<Option<Stream>, Refusal> {
        use Stream::Pairs;
        let pair = |(a, b)| Value::pair(a, b);
        let n = partitions(step)?;
        let right = || Ok::<_, Refusal>(self.side(&step["with"])?.pairs()?);
        Ok(Some(Pairs(match op {
            "mapValues" => stream.pairs()?.map_values(functions::map(step.text("fn")?)?)?,
            "flatMapValues" => {
                stream.pairs()?.flat_map_values(functions::flat_map(step.text("fn")?)?)?
            }
            "groupByKey" => stream.pairs()?.group_by_key(n)?.map_values(Value::List)?,
            "reduceByKey" => {
                stream.pairs()?.reduce_by_key(functions::reduce(step.text("fn")?)?, n)?
            }
            "cogroup" => stream
                .pairs()?
                .cogroup(&right()?, n)?
                .map_values(|(a, b)| Value::pair(Value::List(a), Value::List(b)))?,
            "join" => stream.pairs()?.join(&right()?, n)?.map_values(pair)?,
            "leftOuterJoin" => stream
                .pairs()?
                .left_outer_join(&right()?, n)?
                .map_values(|(a, b)| Value::pair(a, Value::option(b)))?,
            "rightOuterJoin" => stream
                .pairs()?
                .right_outer_join(&right()?, n)?
                .map_values(|(a, b)| Value::pair(Value::option(a), b))?,
            "fullOuterJoin" => stream
                .pairs()?
                .full_outer_join(&right()?, n)?
                .map_values(|(a, b)| Value::pair(Value::option(a), Value::option(b)))?,
            _ => return Ok(None),
        })))
    }

    fn state_spec(
        &self,
        step: &Case<'_>,
    ) -> Result<StateSpec<Value, Value, Value, Value>, Refusal> {
        let f = functions::map_state(step.text("fn")?)?;
        let mut spec = StateSpec::try_function(
            move |_, key: &Value, value, state: &mut weir_microbatch::State<Value>| {
                f(key, value, state)
            },
        )
        .num_partitions(partitions(step)?);
        if let Some(initial) = self.initial(step)? {
            spec = spec.initial_state(&initial);
        }
        if !step["timeout_ms"].is_null() {
            spec = spec.timeout(millis(step, "timeout_ms")?);
        }
        Ok(spec)
    }

    /// State, and how streams are kept.
    fn kept_step(
        &self,
        op: &str,
        stream: &Stream,
        step: &Case<'_>,
    ) -> Result<Option<Stream>, Refusal> {
        use Stream::{Mapped, Pairs, Plain};
        Ok(Some(match op {
            "updateStateByKey" => {
                let update = functions::update(step.text("fn")?)?;
                let initial = self.initial(step)?;
                Pairs(stream.pairs()?.update_state_by_key_with_time(
                    move |time, _, values, state| {
                        update(time.as_ms() as i64, values.collect(), state)
                    },
                    partitions(step)?,
                    initial.as_ref(),
                )?)
            }
            "mapWithState" => {
                Mapped(Arc::new(stream.pairs()?.map_with_state(self.state_spec(step)?)?))
            }
            "checkpoint" => {
                let interval = millis(step, "interval_ms")?;
                match stream {
                    Plain(stream) => drop(stream.checkpoint(interval)?),
                    Pairs(stream) => drop(stream.checkpoint(interval)?),
                    Mapped(stream) => drop(stream.checkpoint(interval)?),
                }
                stream.clone()
            }
            // Written beside what comes out, as a Hadoop file is in Spark.
            "saveAsHadoopFiles" | "saveAsNewAPIHadoopFiles" => {
                stream.plain()?.save_as_object_files(&self.result_prefix()?, "")?;
                stream.clone()
            }
            "persist" | "cache" => {
                let level = storage_level(step)?;
                match stream {
                    Plain(stream) => drop(stream.persist_at(level)?),
                    Pairs(stream) => drop(stream.persist_at(level)?),
                    Mapped(stream) => drop(stream.persist_at(level)?),
                }
                stream.clone()
            }
            _ => return Ok(None),
        }))
    }
}

/// Windows.
fn windowed_step(op: &str, stream: &Stream, step: &Case<'_>) -> Result<Option<Stream>, Refusal> {
    use Stream::{Pairs, Plain};
    if !op.to_lowercase().contains("window") {
        return Ok(None);
    }
    let (length, slide) = window(stream, step)?;
    let inverse = step.get("inv_fn").map(|_| step.text("inv_fn")).transpose()?;
    let inverse = inverse.map(functions::reduce).transpose()?;
    Ok(Some(match op {
        "window" => match stream {
            Pairs(stream) => Pairs(stream.window(length, slide)?),
            other => Plain(other.plain()?.window(length, slide)?),
        },
        "reduceByWindow" => {
            let (f, stream) = (functions::reduce(step.text("fn")?)?, stream.plain()?);
            Plain(match inverse {
                None => stream.reduce_by_window(f, length, slide)?,
                Some(inverse) => stream.reduce_by_window_inverse(f, inverse, length, slide)?,
            })
        }
        "countByWindow" => Plain(stream.plain()?.count_by_window(length, slide)?.map(number)?),
        "countByValueAndWindow" => {
            let n = partitions(step)?;
            let counts = stream.plain()?.count_by_value_and_window(length, slide, n)?;
            Pairs(counts.map_values(number)?)
        }
        "groupByKeyAndWindow" => {
            let n = partitions(step)?;
            let groups = stream.pairs()?.group_by_key_and_window(length, slide, n)?;
            Pairs(groups.map_values(Value::List)?)
        }
        "reduceByKeyAndWindow" => {
            let (f, stream) = (functions::reduce(step.text("fn")?)?, stream.pairs()?);
            let (keep, n) = (step.get("filter_fn"), partitions(step)?);
            let keep = keep.map(|_| step.text("filter_fn")).transpose()?;
            let keep = keep.map(functions::filter).transpose()?;
            Pairs(match (inverse, keep) {
                (None, None) => stream.reduce_by_key_and_window(f, length, slide, n)?,
                (None, Some(_)) => {
                    return Err(Refusal::Case("a filter without an inverse function".into()));
                }
                (Some(inverse), None) => {
                    stream.reduce_by_key_and_window_inverse(f, inverse, length, slide, n)?
                }
                (Some(inverse), Some(keep)) => stream.reduce_by_key_and_window_filtered(
                    f,
                    inverse,
                    length,
                    slide,
                    n,
                    move |key, value| keep(&Value::pair(key.clone(), value.clone())),
                )?,
            })
        }
        _ => return Ok(None),
    }))
}

/// The level of a step that names one, or Spark's for streams.
fn storage_level(step: &Case<'_>) -> Result<StorageLevel, Refusal> {
    let Some(level) = step.get("level") else { return Ok(StorageLevel::MEMORY_ONLY_SER) };
    let level = level.as_str().ok_or("a level is no text".to_owned())?;
    level.parse().map_err(|_| Refusal::Case(format!("unknown storage level {level:?}")))
}

fn transform_with(left: &Stream, right: &Stream, name: &str) -> Result<Stream, Refusal> {
    let (left, right) = (left.plain()?, right.plain()?);
    Ok(Stream::Plain(match name {
        "rdd_join" => left.transform_with(&right, |a, b, _| {
            let joined = a.map(Value::into_pair).join(&b.map(Value::into_pair), 2);
            joined.map(|(key, (a, b))| Value::pair(key, Value::pair(a, b)))
        })?,
        "rdd_union" => left.transform_with(&right, |a, b, _| a.union(&b))?,
        other => return Err(Refusal::Case(format!("unknown rdd function {other:?}"))),
    }))
}

fn transform(
    stream: &DStream<Value>,
    name: &str,
    prefix: Result<String, Refusal>,
) -> Result<DStream<Value>, Refusal> {
    Ok(match name {
        "rdd_map_to_string" => {
            let f = functions::map("to_string")?;
            stream.transform(move |rdd, _| rdd.map(f))?
        }
        "rdd_null" => {
            let why = "rdd_null: a Rust function cannot return null; list the case in skips.rs";
            return Err(Refusal::Case(why.into()));
        }
        // Sorting runs a job for a sample while the batch is made; its panic is the batch's error.
        "rdd_sort_by_key" => stream.transform(|rdd, _| {
            let sorted = rdd.map(Value::into_pair).sort_by_key(true, ());
            sorted.expect("a sample").map(|(key, value)| Value::pair(key, value))
        })?,
        "reduce_and_save_result-<time_ms>" => {
            let prefix = prefix?;
            stream.try_transform(move |rdd, time| {
                let pairs = rdd.map(|row| (row, 1_i64)).reduce_by_key(|a, b| a + b, 2);
                let counts = pairs.map(|(row, n)| Value::pair(row, Value::Int(n)));
                counts.save_as_object_file(format!("{prefix}-{}", time.as_ms())).map_err(
                    |error| StreamingError::Generation { time, message: error.to_string() },
                )?;
                Ok(counts)
            })?
        }
        other => return Err(Refusal::Case(format!("unknown rdd function {other:?}"))),
    })
}

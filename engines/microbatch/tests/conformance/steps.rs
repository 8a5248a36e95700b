//! The operations of a pipeline, by their names.

use crate::functions;
use crate::pipeline::rows;
use crate::pipeline::{Refusal, Run, Stream};
use crate::value::Value;
use serde_json::Value as Json;
use std::sync::Arc;
use std::time::Duration;
use weir_microbatch::{DStream, Rdd, StateSpec, StreamingError};

fn millis(step: &Json, field: &str) -> Duration {
    Duration::from_millis(step[field].as_u64().unwrap_or(0))
}

fn count(step: &Json, field: &str) -> usize {
    step[field].as_u64().unwrap_or(0) as usize
}

const fn number(n: u64) -> Value {
    Value::Int(n as i64)
}

/// Refuses a step that says more than is understood.
fn known_fields(step: &Json) -> Result<(), Refusal> {
    const KNOWN: &[&str] = &[
        "op",
        "fn",
        "with",
        "streams",
        "n",
        "window_ms",
        "slide_ms",
        "inv_fn",
        "filter_fn",
        "initial",
        "num_partitions",
        "timeout_ms",
        "interval_ms",
    ];
    let fields = step.as_object().ok_or("a step is an object".to_owned())?;
    if let Some(field) = fields.keys().find(|field| !KNOWN.contains(&field.as_str())) {
        return Err(Refusal::Case(format!("unknown field {field:?} of a step")));
    }
    Ok(())
}

impl Run {
    fn other(&self, step: &Json) -> Result<Stream, Refusal> {
        let mut made = self.build(self.source(&step["with"]["from"])?, &step["with"]["steps"])?;
        Ok(made.pop().ok_or("no stream".to_owned())?)
    }

    fn initial(&self, step: &Json) -> Result<Option<Rdd<(Value, Value)>>, Refusal> {
        if step["initial"].is_null() {
            return Ok(None);
        }
        let pairs = rows(&step["initial"])?.into_iter().map(Value::into_pair).collect();
        Ok(Some(self.sc.parallelize(pairs, 2).expect("partitions")))
    }

    pub(crate) fn step(&self, stream: &Stream, step: &Json) -> Result<Stream, Refusal> {
        known_fields(step)?;
        let made = self.plain_step(stream, step)?;
        let made = if made.is_none() { self.pair_step(stream, step)? } else { made };
        let made = if made.is_none() { self.kept_step(stream, step)? } else { made };
        made.ok_or_else(|| Refusal::Case(format!("unknown operation {}", step["op"])))
    }

    /// Operations of any stream.
    fn plain_step(&self, stream: &Stream, step: &Json) -> Result<Option<Stream>, Refusal> {
        use Stream::{Pairs, Plain};
        let name = step["fn"].as_str().unwrap_or_default();
        Ok(Some(match step["op"].as_str().unwrap_or_default() {
            "map" => Plain(stream.plain()?.map(functions::map(name)?)?),
            "flatMap" => Plain(stream.plain()?.flat_map(functions::flat_map(name)?)?),
            "filter" => Plain(stream.plain()?.filter(functions::filter(name)?)?),
            "glom" => match stream.plain()?.glom()?.map(Value::List) {
                Ok(stream) => Plain(stream),
                Err(error) => return Err(error.into()),
            },
            "mapPartitions" => {
                let f = functions::map_partitions(name)?;
                Plain(stream.plain()?.map_partitions(move |input, out| {
                    let mut all = Vec::new();
                    input.for_each(|row| all.push(row))?;
                    f(all).into_iter().for_each(out);
                    Ok(())
                })?)
            }
            "repartition" => Plain(stream.plain()?.repartition(count(step, "n"))?),
            "reduce" => Plain(stream.plain()?.reduce(functions::reduce(name)?)?),
            "count" => Plain(stream.plain()?.count()?.map(number)?),
            "countByValue" => {
                let counts = stream.plain()?.count_by_value(0)?;
                Pairs(counts.map_values(number)?)
            }
            "union" => Plain(stream.plain()?.union(&self.other(step)?.plain()?)?),
            "transform" => Plain(transform(&stream.plain()?, name, self.result_prefix())?),
            "transformWith" => self.transform_with(stream, name, step)?,
            "contextTransform" => {
                let all = step["streams"].as_array().ok_or("no streams".to_owned())?;
                let mut streams = Vec::new();
                for one in all {
                    let made = self.build(self.source(&one["from"])?, &one["steps"])?;
                    streams.extend(made.last().map(Stream::plain).transpose()?);
                }
                if name != "rdds_union" {
                    return Err(Refusal::Case(format!("unknown rdd function {name:?}")));
                }
                let sc = self.sc.clone();
                Plain(self.ssc.transform(&streams, move |rdds, _| sc.union(&rdds))?)
            }
            _ => return Ok(None),
        }))
    }

    /// Operations of pairs, and windows.
    fn pair_step(&self, stream: &Stream, step: &Json) -> Result<Option<Stream>, Refusal> {
        use Stream::{Pairs, Plain};
        let name = step["fn"].as_str().unwrap_or_default();
        let (length, slide) = (millis(step, "window_ms"), millis(step, "slide_ms"));
        Ok(Some(match step["op"].as_str().unwrap_or_default() {
            "mapValues" => Pairs(stream.pairs()?.map_values(functions::map(name)?)?),
            "groupByKey" => Pairs(stream.pairs()?.group_by_key(0)?.map_values(Value::List)?),
            "reduceByKey" => Pairs(stream.pairs()?.reduce_by_key(functions::reduce(name)?, 0)?),
            "cogroup" | "join" | "leftOuterJoin" | "rightOuterJoin" | "fullOuterJoin" => {
                self.joined(&step["op"], stream, step)?
            }
            "window" => match stream {
                Pairs(stream) => Pairs(stream.window(length, slide)?),
                other => Plain(other.plain()?.window(length, slide)?),
            },
            "reduceByWindow" => {
                let f = functions::reduce(name)?;
                let stream = stream.plain()?;
                Plain(match step["inv_fn"].as_str() {
                    None => stream.reduce_by_window(f, length, slide)?,
                    Some(inverse) => {
                        let inverse = functions::reduce(inverse)?;
                        stream.reduce_by_window_inverse(f, inverse, length, slide)?
                    }
                })
            }
            "countByWindow" => Plain(stream.plain()?.count_by_window(length, slide)?.map(number)?),
            "countByValueAndWindow" => {
                let counts = stream.plain()?.count_by_value_and_window(length, slide, 0)?;
                Pairs(counts.map_values(number)?)
            }
            "groupByKeyAndWindow" => {
                let groups = stream.pairs()?.group_by_key_and_window(length, slide, 0)?;
                Pairs(groups.map_values(Value::List)?)
            }
            "reduceByKeyAndWindow" => {
                let f = functions::reduce(name)?;
                let stream = stream.pairs()?;
                let inverse = step["inv_fn"].as_str().map(functions::reduce).transpose()?;
                let keep = step["filter_fn"].as_str().map(functions::filter).transpose()?;
                Pairs(match (inverse, keep) {
                    (None, _) => stream.reduce_by_key_and_window(f, length, slide, 0)?,
                    (Some(inverse), None) => {
                        stream.reduce_by_key_and_window_inverse(f, inverse, length, slide, 0)?
                    }
                    (Some(inverse), Some(keep)) => stream.reduce_by_key_and_window_filtered(
                        f,
                        inverse,
                        length,
                        slide,
                        0,
                        move |key, value| keep(&Value::pair(key.clone(), value.clone())),
                    )?,
                })
            }
            _ => return Ok(None),
        }))
    }

    /// State, and how it is kept.
    fn kept_step(&self, stream: &Stream, step: &Json) -> Result<Option<Stream>, Refusal> {
        use Stream::{Mapped, Pairs, Plain};
        let name = step["fn"].as_str().unwrap_or_default();
        let partitions = count(step, "num_partitions");
        Ok(Some(match step["op"].as_str().unwrap_or_default() {
            "updateStateByKey" => {
                let update = functions::update(name)?;
                let initial = self.initial(step)?;
                Pairs(stream.pairs()?.update_state_by_key_with_time(
                    move |time, _, values, state| {
                        update(time.as_ms() as i64, values.collect(), state)
                    },
                    partitions,
                    initial.as_ref(),
                )?)
            }
            "mapWithState" => {
                let f = functions::map_state(name)?;
                let mut spec = StateSpec::try_function(
                    move |_, key: &Value, value, state: &mut weir_microbatch::State<Value>| {
                        f(key, value, state)
                    },
                )
                .num_partitions(partitions);
                if let Some(initial) = self.initial(step)? {
                    spec = spec.initial_state(&initial);
                }
                if !step["timeout_ms"].is_null() {
                    spec = spec.timeout(millis(step, "timeout_ms"));
                }
                Mapped(Arc::new(stream.pairs()?.map_with_state(spec)?))
            }
            "checkpoint" => {
                let interval = millis(step, "interval_ms");
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
            _ => return Ok(None),
        }))
    }

    fn result_prefix(&self) -> Result<String, Refusal> {
        let folder = self.files.as_ref().ok_or("there is no place for files".to_owned())?;
        Ok(folder.join("result").display().to_string())
    }

    fn joined(&self, op: &Json, stream: &Stream, step: &Json) -> Result<Stream, Refusal> {
        let (left, right) = (stream.pairs()?, self.other(step)?.pairs()?);
        let pair = |(a, b)| Value::pair(a, b);
        Ok(Stream::Pairs(match op.as_str().unwrap_or_default() {
            "cogroup" => left
                .cogroup(&right, 0)?
                .map_values(|(a, b)| Value::pair(Value::List(a), Value::List(b)))?,
            "join" => left.join(&right, 0)?.map_values(pair)?,
            "leftOuterJoin" => left
                .left_outer_join(&right, 0)?
                .map_values(|(a, b)| Value::pair(a, Value::option(b)))?,
            "rightOuterJoin" => left
                .right_outer_join(&right, 0)?
                .map_values(|(a, b)| Value::pair(Value::option(a), b))?,
            _ => left
                .full_outer_join(&right, 0)?
                .map_values(|(a, b)| Value::pair(Value::option(a), Value::option(b)))?,
        }))
    }

    fn transform_with(&self, stream: &Stream, name: &str, step: &Json) -> Result<Stream, Refusal> {
        let (left, right) = (stream.plain()?, self.other(step)?.plain()?);
        Ok(Stream::Plain(match name {
            "rdd_join" => left.transform_with(&right, |a, b, _| {
                let joined = a.map(Value::into_pair).join(&b.map(Value::into_pair), 2);
                joined.map(|(key, (a, b))| Value::pair(key, Value::pair(a, b)))
            })?,
            "rdd_union" => left.transform_with(&right, |a, b, _| a.union(&b))?,
            other => return Err(Refusal::Case(format!("unknown rdd function {other:?}"))),
        }))
    }
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
        "rdd_sort_by_key" => stream.transform(|rdd, _| {
            rdd.repartition(1).map_partitions(|input, out| {
                let mut all = Vec::new();
                input.for_each(|row| all.push(row))?;
                all.sort();
                all.into_iter().for_each(out);
                Ok(())
            })
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

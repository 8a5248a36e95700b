//! Views of tuples.

use crate::case::{Case, Outcome, equal};
use crate::states::value;
use serde_json::Value as Json;
use weir_topology::{Fields, Value, Values};
use weir_trident::TridentTuple;
use weir_trident::tuple::TupleFactory;

pub(crate) fn run(_: &str, case: &Case<'_>) -> Option<Outcome> {
    match case.name() {
        "tuple_fresh" => Some(fresh(case)),
        "tuple_appends" => Some(appends(case)),
        "tuple_complex" => Some(complex(case)),
        "tuple_interface" => Some(interface(case)),
        _ => None,
    }
}

fn fields(names: &[Json]) -> Result<Fields, String> {
    let names: Vec<&str> = names.iter().filter_map(Json::as_str).collect();
    Fields::new(names).map_err(|error| error.to_string())
}

fn row(json: &[Json]) -> Result<Vec<Value>, String> {
    json.iter().map(value).collect()
}

/// The values of a tuple, and some of them by name.
fn holds(tuple: &TridentTuple, expected: &Case<'_>, names: &[&str]) -> Outcome {
    if expected.has("values") {
        equal("values", &tuple.to_values(), &Values::from(row(expected.list("values")?)?))?;
    }
    for name in names {
        let got = tuple.int(*name).map_err(|error| error.to_string())?;
        equal(name, &got, &expected.int(name)?)?;
    }
    Ok(())
}

fn fresh(case: &Case<'_>) -> Outcome {
    let factory = TupleFactory::fresh(fields(case.part("params").list("fields")?)?);
    holds(&factory.of(row(case.list("input")?)?), &case.part("expected"), &["a", "b", "c"])
}

fn appends(case: &Case<'_>) -> Outcome {
    let (params, input) = (case.part("params"), case.part("input"));
    let append = |parent: &TupleFactory, more: &str| {
        TupleFactory::append(parent, &fields(params.list(more)?)?).map_err(|e| e.to_string())
    };
    let fresh = TupleFactory::fresh(fields(params.list("fields")?)?);
    let first = append(&fresh, "append1")?;
    let second = append(&first, "append2")?;
    let tuple = fresh.of(row(input.list("fresh")?)?);
    let tuple = first.appended(&tuple, row(input.list("a1")?)?);
    let tuple = second.appended(&tuple, row(input.list("a2")?)?);
    holds(&tuple, &case.part("expected"), &["e", "f"])
}

fn complex(case: &Case<'_>) -> Outcome {
    let (input, expected) = (case.part("input"), case.part("expected"));
    let mut last: Option<(TupleFactory, TridentTuple)> = None;
    let mut got = Vec::new();
    for op in case.part("params").list("ops")? {
        let op = op.as_str().unwrap_or_default();
        let (kind, names) = op.split_once(' ').ok_or_else(|| format!("{op} is not understood"))?;
        let names: Vec<&str> = names.split(',').collect();
        let named = Fields::new(&names).map_err(|error| error.to_string())?;
        let given = || row(input.list(&names.concat())?);
        let (factory, tuple) = match (kind, &last) {
            ("fresh", None) => {
                let factory = TupleFactory::fresh(named);
                let tuple = factory.of(row(input.list("fresh")?)?);
                (factory, tuple)
            }
            ("append", Some((parent, tuple))) => {
                let factory = TupleFactory::append(parent, &named).map_err(|e| e.to_string())?;
                let tuple = factory.appended(tuple, given()?);
                (factory, tuple)
            }
            ("project", Some((parent, tuple))) => {
                let factory = TupleFactory::project(parent, &named).map_err(|e| e.to_string())?;
                let tuple = factory.projected(tuple);
                (factory, tuple)
            }
            _ => return Err(format!("{op} is not understood")),
        };
        got.push(tuple.to_values());
        last = Some((factory, tuple));
    }
    let want = expected.list("values")?.iter().map(|json| {
        let list = json.as_array().ok_or_else(|| format!("{json} is no list"))?;
        row(list).map(Values::from)
    });
    equal("values", &got, &want.collect::<Result<Vec<_>, _>>()?)?;
    let (_, tuple) = last.ok_or("there are no ops")?;
    holds(&tuple, &expected.part("final"), &["a", "f", "b", "c"])
}

fn interface(case: &Case<'_>) -> Outcome {
    let expected = case.part("expected");
    let names = fields(case.part("params").list("fields")?)?;
    let tuple = TupleFactory::fresh(names).of(row(case.list("input")?)?);
    equal("contains a", &tuple.contains("a"), &expected.flag("contains_a")?)?;
    equal("contains abcd", &tuple.contains("abcd"), &expected.flag("contains_abcd")?)?;
    equal("index of a", &tuple.fields().index_of("a"), &Some(expected.count("index_a")?))?;
    let selected = Fields::new(["c", "a"]).map_err(|error| error.to_string())?;
    let got = tuple.select(&selected).map_err(|error| error.to_string())?;
    equal("c and a", &got, &Values::from(row(expected.list("select_c_a")?)?))
}

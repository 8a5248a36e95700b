//! Cases of the bolt that joins streams over windows.

use crate::case::{Case, Outcome, equal};
use crate::window_driver::text;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use weir_topology::testing::{MockCollector, MockContext, tuple};
use weir_topology::windowing::{Count, JoinBolt, Selector, WindowConfig, WindowedBolt};
use weir_topology::{Config, RichBolt, Value, Values};

/// Executes a case; `None` if it belongs elsewhere.
pub(crate) fn run(area: &str, case: &Case<'_>) -> Option<Outcome> {
    if area != "streams_joins" {
        return None;
    }
    match case.name().strip_prefix("joinbolt_")? {
        "data" => Some(data(case)),
        _ => Some(join(case)),
    }
}

/// What the cases join, which one of them says and the others refer to.
fn tables() -> Json {
    json!({
        "users": {
            "fields": ["userId", "name", "city"],
            "rows": [
                [1, "roshan", "san jose"],
                [2, "harsha", "santa clara"],
                [3, "siva", "dublin"],
                [4, "hugo", "san mateo"],
                [5, "suresh", "sunnyvale"],
                [6, "guru", "palo alto"],
                [7, "arun", "bengaluru"],
                [8, "satish", "mumbai"],
                [9, "mani", "bengaluru"],
                [10, "priyank", "seattle"],
            ],
        },
        "orders": {
            "fields": ["orderId", "userId", "itemId", "price"],
            "rows": [
                [11, 2, 21, 7],
                [12, 2, 22, 3],
                [13, 3, 23, 4],
                [14, 4, 24, 5],
                [15, 5, 25, 2],
                [16, 6, 26, 7],
                [17, 6, 27, 4],
                [18, 7, 28, 2],
                [19, 8, 29, 9],
            ],
        },
        "stores": {
            "fields": ["storeId", "storeName", "city"],
            "rows": [
                [1, "store1", "san jose"],
                [2, "store2", "santa clara"],
                [3, "store3", "dublin"],
                [4, "store4", "san mateo"],
                [5, "store5", "bengaluru"],
            ],
        },
        "cities": {
            "fields": ["cityId", "cityName", "country"],
            "rows": [
                [1, "san jose", "US"],
                [2, "santa clara", "US"],
                [3, "dublin", "US"],
                [4, "san mateo", "US"],
                [5, "sunnyvale", "US"],
                [6, "palo alto", "US"],
                [7, "bengaluru", "India"],
                [8, "mumbai", "India"],
                [9, "chennai", "India"],
            ],
        },
    })
}

fn data(case: &Case<'_>) -> Outcome {
    case.part("params").whole();
    equal("tables", &case.get("expected"), &Some(&tables()))
}

fn value(json: &Json) -> Result<Value, String> {
    match json {
        Json::Null => Ok(Value::Null),
        Json::String(text) => Ok(text.as_str().into()),
        _ => json.as_i64().map(Value::from).ok_or_else(|| format!("unknown value {json}")),
    }
}

fn row(json: &Json) -> Result<Values, String> {
    json.as_array().ok_or("a row is no list")?.iter().map(value).collect()
}

/// The stream, its fields, and its rows.
type Table = (String, Vec<String>, Vec<Values>);

/// The tables that a case is about: all, or the users' with each row as one map.
fn input(case: &Case<'_>) -> Result<Vec<Table>, String> {
    let prose = "each user row wrapped as map under field \"outer\"";
    let wrapped = case.get("input").and_then(Json::as_str) == Some(prose);
    if !wrapped {
        case.part("input").says("tables", "see case joinbolt_data")?;
    }
    let mut all = Vec::new();
    for (name, table) in tables().as_object().into_iter().flatten() {
        let fields: Vec<String> = serde_json::from_value(table["fields"].clone()).map_err(text)?;
        let rows = table["rows"].as_array().ok_or("no rows")?;
        let rows = rows.iter().map(row).collect::<Result<Vec<_>, _>>()?;
        if !wrapped {
            all.push((name.clone(), fields, rows));
        } else if name == "users" {
            let map = |row: &Values| {
                let entries = fields.iter().cloned().zip(row.iter().cloned());
                [Value::object(entries.collect::<BTreeMap<String, Value>>())].into()
            };
            all.push((name.clone(), vec!["outer".into()], rows.iter().map(map).collect()));
        }
    }
    Ok(all)
}

fn bolt(params: &Case<'_>) -> Result<JoinBolt, String> {
    let texts = |list: &Json| -> Result<Vec<String>, String> {
        serde_json::from_value(list.clone()).map_err(text)
    };
    let selector = match params.get("selector").map(|selector| selector.as_str()) {
        None | Some(Some("STREAM")) => Selector::Stream,
        Some(Some("SOURCE")) => Selector::Source,
        Some(other) => return Err(format!("unknown selector {other:?}")),
    };
    let first = texts(params.get("first").ok_or("no first stream")?)?;
    let mut keys = BTreeMap::from([(first[0].clone(), first[1].clone())]);
    let mut join = JoinBolt::builder(selector, &first[0], &first[1]);
    for joined in params.get("joins").and_then(Json::as_array).into_iter().flatten() {
        let [kind, stream, key, prior, prior_key] = <[String; 5]>::try_from(texts(joined)?)
            .map_err(|joined| format!("unknown join {joined:?}"))?;
        equal("the prior key", &keys.get(&prior), &Some(&prior_key))?;
        join = match &*kind {
            "inner" => join.join(&stream, &key, &prior),
            "left" => join.left_join(&stream, &key, &prior),
            other => return Err(format!("unknown join {other}")),
        };
        keys.insert(stream, key);
    }
    let selected = texts(params.get("select").ok_or("nothing selected")?)?;
    join.select(&selected.join(",")).build().map_err(text)
}

/// Joins one window with all rows of all tables. Streams and components have the tables' names.
fn join(case: &Case<'_>) -> Outcome {
    let (join, tables) = (bolt(&case.part("params"))?, input(case)?);
    let rows: usize = tables.iter().map(|(_, _, rows)| rows.len()).sum();
    let length = i64::try_from(rows).map_err(text)?;
    let mut bolt = join.windowed(WindowConfig::tumbling(Count(length)).build().map_err(text)?);
    let mut mock = MockCollector::of_bolt("join", 2, &bolt).map_err(text)?;
    let conf = Config::new().merged(&bolt.component_configuration());
    bolt.prepare(&conf, &MockContext::new("join", 2).build()).map_err(text)?;
    for (name, fields, rows) in tables {
        for row in rows {
            let fed = tuple(&name, &name, fields.as_slice(), 1, row).map_err(text)?;
            bolt.execute(fed, mock.collector()).map_err(text)?;
        }
    }
    let expected = case.part("expected");
    let mut got: Vec<Values> = mock.emitted_on("default");
    equal("rows", &got.len(), &expected.count("row_count")?)?;
    if expected.has("rows_by_reference_multiset") {
        let want = expected.list("rows_by_reference_multiset")?;
        let mut want = want.iter().map(row).collect::<Result<Vec<_>, _>>()?;
        got.sort();
        want.sort();
        equal("rows", &got, &want)?;
    }
    Ok(())
}

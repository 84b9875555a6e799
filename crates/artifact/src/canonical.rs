//! One text to a JSON value, and where two values differ.

use serde_json::Value;

/// The value without spaces and with the keys of every object in order of their bytes. serde_json alone would do as
/// well until some crate in the build turns its `preserve_order` on.
pub fn canonical_json(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries = map.iter().collect::<Vec<_>>();
            entries.sort_by_key(|(key, _)| key.as_str());
            let entries = entries.into_iter().map(|(key, value)| (Some(key), value));
            write_list(['{', '}'], entries, text);
        }
        Value::Array(values) => write_list(['[', ']'], values.iter().map(|value| (None, value)), text),
        scalar => *text += &scalar.to_string(),
    }
}

fn write_list<'v>(
    brackets: [char; 2],
    entries: impl Iterator<Item = (Option<&'v String>, &'v Value)>,
    text: &mut String,
) {
    text.push(brackets[0]);
    for (i, (key, value)) in entries.enumerate() {
        if i > 0 {
            text.push(',');
        }
        if let Some(key) = key {
            *text += &Value::from(key.as_str()).to_string();
            text.push(':');
        }
        write(value, text);
    }
    text.push(brackets[1]);
}

/// A place where two values differ.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Keys joined by points, list places in brackets.
    pub(crate) key: String,
    /// The left value, or `absent`.
    pub(crate) left: String,
    /// The right value, or `absent`.
    pub(crate) right: String,
}

/// The first place, in order of keys, where two values differ.
pub(crate) fn first_difference(key: &str, left: Option<&Value>, right: Option<&Value>) -> Option<Difference> {
    match (left, right) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let names = a.keys().chain(b.keys()).collect::<std::collections::BTreeSet<_>>();
            let inner = |name: &str| if key.is_empty() { name.to_string() } else { format!("{key}.{name}") };
            names.into_iter().find_map(|name| first_difference(&inner(name), a.get(name), b.get(name)))
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => (0..a.len().max(b.len()))
            .find_map(|i| first_difference(&format!("{key}[{i}]"), a.get(i), b.get(i))),
        (a, b) if a == b => None,
        (a, b) => {
            let show = |value: Option<&Value>| value.map_or("absent".to_string(), canonical_json);
            Some(Difference { key: key.into(), left: show(a), right: show(b) })
        }
    }
}

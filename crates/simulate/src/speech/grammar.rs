//! The grammar that the built-in phrases come from: `data/narration/grammar.txt`, which describes its own format.

use std::collections::{BTreeMap, HashSet};

/// Every text that one template of the grammar stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrasing {
    /// label and number of the template, from 1: `4CH/7`
    pub id: String,
    /// in the order of the template's alternatives; never empty
    pub texts: Vec<String>,
}

/// What is wrong with a grammar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrammarFault {
    /// from 1
    pub line: usize,
    /// what should be there
    pub expected: &'static str,
    /// what is there
    pub found: String,
}

/// Lists of words by name.
type Lists = BTreeMap<String, Vec<String>>;

/// Reads a grammar: phrasings by label. A text that an earlier template of any label has is left out of later ones, so
/// that a text tells its phrasing.
///
/// # Errors
/// A template before the first label, an unknown list, a brace without its partner.
pub fn parse(grammar: &str) -> Result<BTreeMap<String, Vec<Phrasing>>, GrammarFault> {
    let mut labels: BTreeMap<String, Vec<Phrasing>> = BTreeMap::new();
    let (mut shared, mut own, mut label) = (Lists::new(), Lists::new(), String::new());
    let mut seen = HashSet::new();
    for (index, line) in grammar.lines().enumerate() {
        let line = line.trim();
        let fault =
            |expected, found: &str| GrammarFault { line: index + 1, expected, found: found.to_owned() };
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            label = name.trim().to_owned();
            own.clear();
            labels.entry(label.clone()).or_default();
        } else if let Some((name, items)) = list(line) {
            let lists = if label.is_empty() { &mut shared } else { &mut own };
            lists.insert(name.to_owned(), items);
        } else if label.is_empty() {
            return Err(fault("a [label] before the first template", line));
        } else {
            let look_up = |name: &str| own.get(name).or_else(|| shared.get(name)).map(Vec::as_slice);
            let texts = expand(line, &look_up).map_err(|(expected, found)| fault(expected, &found))?;
            let texts: Vec<String> = texts
                .into_iter()
                .map(|text| tidy(&text))
                .filter(|text| !text.is_empty() && seen.insert(text.clone()))
                .collect();
            let phrasings = labels.get_mut(&label).expect("made with its label");
            let id = format!("{label}/{}", phrasings.len() + 1);
            if !texts.is_empty() {
                phrasings.push(Phrasing { id, texts });
            }
        }
    }
    Ok(labels)
}

/// `$name = a | b`.
fn list(line: &str) -> Option<(&str, Vec<String>)> {
    let (name, items) = line.strip_prefix('$')?.split_once('=')?;
    let name = name.trim();
    let is_name = !name.is_empty() && name.chars().all(is_word);
    is_name.then(|| (name, items.split('|').map(|item| item.trim().to_owned()).collect()))
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

type Fault = (&'static str, String);

/// All combinations of a template's alternatives.
fn expand<'a>(template: &str, lists: &impl Fn(&str) -> Option<&'a [String]>) -> Result<Vec<String>, Fault> {
    let Some(at) = template.find(['{', '}', '$']) else { return Ok(vec![template.to_owned()]) };
    let (before, rest) = template.split_at(at);
    let unpaired = || ("braces in pairs, none within another", template.to_owned());
    let (items, rest) = match rest.as_bytes()[0] {
        b'{' => {
            let (inside, rest) = rest[1..].split_once('}').ok_or_else(unpaired)?;
            if inside.contains('{') {
                return Err(unpaired());
            }
            let mut items = Vec::new();
            for item in inside.split('|') {
                items.extend(expand(item, lists)?);
            }
            (items, rest)
        }
        b'$' => {
            let end = rest[1..].find(|c| !is_word(c)).map_or(rest.len(), |end| end + 1);
            let name = &rest[1..end];
            let items = lists(name).ok_or_else(|| ("a list that was given before", format!("${name}")))?;
            (items.to_vec(), &rest[end..])
        }
        _ => return Err(unpaired()),
    };
    let tails = expand(rest, lists)?;
    let joined = items.iter().flat_map(|item| tails.iter().map(move |tail| format!("{before}{item}{tail}")));
    Ok(joined.collect())
}

/// Single spaces, and none before a comma or full stop: alternatives may be empty.
fn tidy(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = text.replace(" ,", ",").replace(" ...", "...").replace(" .", ".");
    text.trim_matches(|c: char| c == ',' || c == ' ').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_stand_for_all_combinations() {
        let grammar = "$side = left | right\n[kidneys]\n# the pair\n$here = here\n\
                       {the|} $side kidney $here\n{a|b {x}}\n";
        assert!(parse(grammar).unwrap_err().expected.starts_with("braces in pairs"));
        let labels = parse(&grammar.replace("{a|b {x}}", "left kidney here\nso , a  kidney {|...}")).unwrap();
        let [first, last] = labels["kidneys"].as_slice() else { panic!("{labels:?}") };
        assert_eq!(first.id, "kidneys/1");
        assert_eq!(
            first.texts,
            ["the left kidney here", "the right kidney here", "left kidney here", "right kidney here"]
        );
        // a template of which nothing is new is no phrasing
        assert_eq!(last.texts, ["so, a kidney", "so, a kidney..."]);
    }

    #[test]
    fn faults_name_their_line() {
        let line = |text| parse(text).unwrap_err().line;
        assert_eq!(line("# words\nhello\n"), 2);
        assert_eq!(line("[a]\nhello\n$nobody is there\n"), 3);
        assert_eq!(line("[a]\n{hello\n"), 2);
        assert_eq!(line("[a]\nhello}\n"), 2);
    }
}

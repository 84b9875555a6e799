//! Patients into groups, groups into folds: who may share a recording.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rand::seq::SliceRandom;

use super::manifest::Row;
use crate::recording::Cast;
use crate::rng::stream;
use crate::{SimulateConfig, SimulateError};

/// The patients of one subject of the study, with their videos.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// names
    pub patients: BTreeSet<String>,
    /// numbers of their videos, by plane
    pub videos: BTreeMap<usize, Vec<usize>>,
}

struct Patient<'a> {
    name: &'a str,
    videos: Vec<usize>,
    /// what it counts for: the rarest of its planes
    plane: usize,
}

/// Deals the patients into the subjects of `casts`, plane by plane, the rarest first and patients with many videos before
/// others: each goes where its plane has the fewest patients, first of all folds, then of the fold's groups. A patient with
/// several planes counts for the rarest and stays whole.
///
/// # Errors
/// A plane with fewer patients than there are folds; a group without a patient.
pub fn deal(
    rows: &[Row],
    config: &SimulateConfig,
    casts: &[Cast],
    manifest: &Path,
) -> Result<Vec<Group>, SimulateError> {
    let fault = |expected: String, found: String| SimulateError::Videos {
        path: manifest.to_owned(),
        expected,
        found,
    };
    let fold_of: BTreeMap<usize, usize> =
        casts.iter().map(|cast| (cast.subject, cast.fold.unwrap_or(0))).collect();
    let mut groups = vec![Group::default(); config.subjects];
    // of each group and plane, patients that count for it
    let mut counts = vec![vec![0_usize; config.planes.len()]; config.subjects];
    // who comes first where all else is equal
    let mut ranks: Vec<usize> = (0..config.subjects).collect();
    ranks.shuffle(&mut stream(config.seed, "groups", 0));
    for patients in by_plane(rows, config) {
        let Some(plane) = patients.first().map(|patient| patient.plane) else { continue };
        if patients.len() < config.folds {
            let expected =
                format!("at least {} patients of {}, one to each fold", config.folds, config.planes[plane]);
            return Err(fault(expected, patients.len().to_string()));
        }
        for patient in patients {
            let load = |group: usize| {
                let of_fold = (0..groups.len()).filter(|other| fold_of[other] == fold_of[&group]);
                let in_fold: usize = of_fold.map(|other| counts[other][plane]).sum();
                let of_plane = groups[group].videos.get(&plane).map_or(0, Vec::len);
                let all: usize = groups[group].videos.values().map(Vec::len).sum();
                (in_fold, counts[group][plane], of_plane, all, ranks[group])
            };
            let group = (0..groups.len()).min_by_key(|&group| load(group)).expect("a study has subjects");
            counts[group][plane] += 1;
            groups[group].patients.insert(patient.name.to_owned());
            for video in patient.videos {
                groups[group].videos.entry(rows[video].plane).or_default().push(video);
            }
        }
    }
    if groups.iter().any(|group| group.patients.is_empty()) {
        let patients = rows.iter().map(|row| &row.patient).collect::<BTreeSet<_>>().len();
        let expected = format!("a patient to each of the {} subjects of the recipe", config.subjects);
        return Err(fault(expected, format!("{patients} patients")));
    }
    Ok(groups)
}

/// The patients of each plane, the rarest plane first; within a plane those with many videos first, else by chance.
fn by_plane<'a>(rows: &'a [Row], config: &SimulateConfig) -> Vec<Vec<Patient<'a>>> {
    let mut videos: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        videos.entry(&row.patient).or_default().push(index);
    }
    let shows = |videos: &[usize], plane: usize| videos.iter().any(|&video| rows[video].plane == plane);
    let mut order: Vec<usize> = (0..config.planes.len()).collect();
    order.sort_by_key(|&plane| videos.values().filter(|videos| shows(videos, plane)).count());
    let mut by_plane: Vec<Vec<Patient<'_>>> = order.iter().map(|_| Vec::new()).collect();
    for (name, videos) in videos {
        let place = order.iter().position(|&plane| shows(&videos, plane)).expect("a patient has a video");
        by_plane[place].push(Patient { name, videos, plane: order[place] });
    }
    for (place, patients) in by_plane.iter_mut().enumerate() {
        patients.shuffle(&mut stream(config.seed, "patients", place));
        patients.sort_by_key(|patient| std::cmp::Reverse(patient.videos.len()));
    }
    by_plane
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::casts;

    fn config(subjects: usize, folds: usize) -> SimulateConfig {
        let planes = ["A", "B", "C"].map(str::to_owned).to_vec();
        SimulateConfig { recordings: 2 * subjects, subjects, folds, planes, ..SimulateConfig::default() }
    }

    /// `patients[plane]` patients with one to three videos each; the first of A has a video of B as well.
    fn rows(patients: [usize; 3]) -> Vec<Row> {
        let mut rows = Vec::new();
        for (plane, count) in patients.into_iter().enumerate() {
            for patient in 0..count {
                for take in 0..=patient % 3 {
                    let name = format!("{plane}-{patient}-{take}");
                    let patient = format!("p{plane}-{patient}");
                    rows.push(Row { path: name.clone().into(), name, plane, patient, probe: String::new() });
                }
            }
        }
        rows.push(Row {
            name: "odd".into(),
            path: "odd".into(),
            plane: 1,
            patient: "p0-0".into(),
            probe: String::new(),
        });
        rows
    }

    #[test]
    fn every_patient_is_in_one_group_and_every_fold_has_every_plane() {
        let (config, rows) = (config(10, 5), rows([9, 30, 40]));
        let casts = casts(&config);
        let groups = deal(&rows, &config, &casts, Path::new("m.csv")).unwrap();
        let mut seen = BTreeSet::new();
        for group in &groups {
            assert!(group.patients.iter().all(|patient| seen.insert(patient)), "in one group only");
            for (&plane, videos) in &group.videos {
                for &video in videos {
                    assert_eq!(rows[video].plane, plane);
                    assert!(group.patients.contains(&rows[video].patient));
                }
            }
        }
        assert_eq!(seen.len(), 9 + 30 + 40);
        assert_eq!(groups.iter().flat_map(|g| g.videos.values()).map(Vec::len).sum::<usize>(), rows.len());
        // nine patients of A: all groups but one have one
        assert_eq!(groups.iter().filter(|group| group.videos.contains_key(&0)).count(), 9);
        assert!(groups.iter().all(|group| group.videos.contains_key(&1) && group.videos.contains_key(&2)));
        for fold in 0..5 {
            let of_fold = casts.iter().filter(|cast| cast.fold == Some(fold)).map(|cast| cast.subject);
            let planes: BTreeSet<usize> =
                of_fold.flat_map(|group| groups[group].videos.keys().copied()).collect();
            assert_eq!(planes.len(), 3, "fold {fold}");
        }
        let again = deal(&rows, &config, &casts, Path::new("m.csv")).unwrap();
        assert_eq!(groups, again);
    }

    #[test]
    fn too_few_patients_are_one_clear_error() {
        let said = |subjects, folds, patients| {
            let config = config(subjects, folds);
            deal(&rows(patients), &config, &casts(&config), Path::new("m.csv")).unwrap_err().to_string()
        };
        let few = said(5, 5, [4, 9, 9]);
        assert!(few.contains("m.csv: expected at least 5 patients of A") && few.contains("found 4"), "{few}");
        let many = said(40, 2, [4, 9, 9]);
        assert!(many.contains("each of the 40 subjects") && many.contains("found 22 patients"), "{many}");
    }
}

//! Clusters of one stream as the labels of the other: cross-modal deep clustering (XDC, Alwassel et al., NeurIPS 2020).
//!
//! Where most of what is said has nothing to do with the picture, a pair says little, and two moments that show the same plane are
//! held apart by every contrastive loss. A cluster says what many pairs have in common. At the times of
//! [`ClusterConfig::schedule`](crate::ClusterConfig::schedule) every interval that pairs are drawn from is looked at and listened
//! to, in evaluation mode:
//! ```text
//! features of three of its frames,             ─▶ minus the recording's mean ─▶ spherical k-means ─▶ cluster of the interval
//! of the speech that its pairs hear
//! ```
//! The mean that is taken off is what a recording's frames (its machine, its gain) or windows (its voice, its room) have in common.
//! From then on speech is trained to tell the cluster of its interval's video, and video, once both are trained, that of its speech.
//! XDC clusters whole data sets again and again; here two or three times.

mod kmeans;

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use sonovox_ops::{Mode, no_grad};
use sonovox_train::TrainError;

use crate::batch::Source;
use crate::networks::Networks;
use crate::sampler::{Stream, stream_rng};
use crate::{ClusterConfig, PretrainConfig};
use kmeans::Centres;

/// Intervals to a pass of an encoder.
const AT_ONCE: usize = 32;
/// Rows that centres are found from: what lies in memory does not grow with the number of recordings.
const MOST_ROWS: usize = 16_384;
const STATE: [&str; 3] = ["clusterings", "clusters_of_video", "clusters_of_speech"];

/// What a batch's pairs are to be told as.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Targets {
    /// Which clustering, and so which heads.
    pub round: usize,
    /// Cluster of the video of every pair's interval: what speech is to tell. Empty where video has not been clustered.
    pub of_video: Vec<u32>,
    /// Cluster of its speech: what video is to tell. Empty where speech has not been clustered.
    pub of_speech: Vec<u32>,
    /// What guessing by the sizes of video's clusters leaves of a loss, in nats.
    pub entropy_of_video: f64,
    /// The same of speech's.
    pub entropy_of_speech: f64,
}

/// The clusters of all intervals.
pub struct Clusters {
    config: ClusterConfig,
    schedule: Vec<f64>,
    /// Where both streams are trained.
    joint_from: f64,
    tells: [bool; 2],
    seed: u64,
    /// Clusterings whose time has come and that were made.
    made: usize,
    of_video: Vec<u32>,
    of_speech: Vec<u32>,
}

/// A stream that is clustered.
#[derive(Clone, Copy)]
enum Of {
    Video = 0,
    Speech = 1,
}

impl Clusters {
    /// Before the first clustering of `intervals` intervals; `None` where no loss of clusters has a weight.
    pub fn new(config: &PretrainConfig, intervals: usize, seed: u64) -> Option<Self> {
        let weights = &config.weights;
        weights.clusters().then(|| Self {
            config: config.clusters,
            schedule: config.clusters.schedule(&config.curriculum),
            joint_from: config.curriculum.video_alone + config.curriculum.speech_alone,
            tells: [weights.speech_clusters > 0.0, weights.video_clusters > 0.0],
            seed,
            made: 0,
            of_video: vec![0; intervals],
            of_speech: vec![0; intervals],
        })
    }

    /// Clusters what is to be clustered at `progress` (share of the run, 0 to 1) and has not been; whether there was anything.
    ///
    /// # Errors
    /// When a clip cannot be read or a tensor operation fails.
    pub fn renew(&mut self, progress: f64, networks: &Networks, source: &Source) -> Result<bool, TrainError> {
        let due = self.schedule.iter().filter(|&&at| at <= progress).count();
        if due == self.made {
            return Ok(false);
        }
        self.made = due;
        if self.tells[Of::Video as usize] {
            self.of_video = self.cluster(Of::Video, networks, source)?;
        }
        if self.tells[Of::Speech as usize] && progress >= self.joint_from {
            self.of_speech = self.cluster(Of::Speech, networks, source)?;
        }
        Ok(true)
    }

    /// What pairs of `intervals` are to be told as; `None` before the first clustering. `drawn_from`: all intervals that pairs are drawn
    /// from.
    pub fn targets(&self, intervals: &[usize], drawn_from: &[Vec<usize>], progress: f64) -> Option<Targets> {
        let of = |clusters: &[u32], is: bool| {
            if is { intervals.iter().map(|&at| clusters[at]).collect() } else { Vec::new() }
        };
        (self.made > 0).then(|| Targets {
            round: self.made - 1,
            of_video: of(&self.of_video, self.tells[Of::Video as usize]),
            of_speech: of(&self.of_speech, self.tells[Of::Speech as usize] && progress >= self.joint_from),
            entropy_of_video: self.entropy(&self.of_video, drawn_from),
            entropy_of_speech: self.entropy(&self.of_speech, drawn_from),
        })
    }

    /// Of the clusters of `intervals`, in nats.
    fn entropy(&self, clusters: &[u32], intervals: &[Vec<usize>]) -> f64 {
        let mut counts = vec![0.0; self.config.count];
        intervals.iter().flatten().for_each(|&at| counts[clusters[at] as usize] += 1.0);
        let all: f64 = counts.iter().sum();
        counts.iter().filter(|&&n| n > 0.0).map(|n| -n / all * (n / all).ln()).sum()
    }

    /// For the event log: how many clusterings, and what guessing by the clusters' sizes would leave of the losses (the entropy of
    /// the clusters among `intervals`, in nats).
    pub fn report(&self, intervals: &[Vec<usize>]) -> Vec<(String, f64)> {
        vec![
            ("clusterings".to_owned(), self.made as f64),
            ("entropy_of_video".to_owned(), self.entropy(&self.of_video, intervals)),
            ("entropy_of_speech".to_owned(), self.entropy(&self.of_speech, intervals)),
        ]
    }

    /// The cluster of every interval that pairs are drawn from; 0 for the others.
    fn cluster(&self, of: Of, networks: &Networks, source: &Source) -> Result<Vec<u32>, TrainError> {
        let mut rng = stream_rng(self.seed, Stream::Clusters as u64, (self.made as u64) << 1 | of as u64);
        let mut recordings = source.sampler().by_recording().to_vec();
        recordings.shuffle(&mut rng);
        let mut clusters = vec![0; source.sampler().fragments().len()];
        let rows_of = |intervals: &[usize]| features(of, intervals, networks, source);
        for (at, cluster) in assign(&recordings, rows_of, MOST_ROWS, self.config.count, &mut rng)? {
            clusters[at] = cluster;
        }
        Ok(clusters)
    }

    /// What a checkpoint keeps.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn state(&self) -> Result<BTreeMap<String, Tensor>, TrainError> {
        let of = |clusters: &[u32]| {
            let values: Vec<f64> = clusters.iter().map(|&cluster| f64::from(cluster)).collect();
            Tensor::new(values, &Device::Cpu)
        };
        let tensors =
            [Tensor::new(&[self.made as f64], &Device::Cpu)?, of(&self.of_video)?, of(&self.of_speech)?];
        Ok(STATE.iter().map(|&name| name.to_owned()).zip(tensors).collect())
    }

    /// Takes back what [`Clusters::state`] gave.
    ///
    /// # Errors
    /// When it is not of as many intervals.
    pub fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<(), TrainError> {
        let of = |name: &str| -> Result<Vec<f64>, TrainError> {
            Ok(state.get(name).map(Tensor::to_vec1::<f64>).transpose()?.unwrap_or_default())
        };
        let (made, video, speech) = (of(STATE[0])?, of(STATE[1])?, of(STATE[2])?);
        let expected = self.of_video.len();
        if made.len() != 1 || video.len() != expected || speech.len() != expected {
            let cause =
                format!("the checkpoint: expected clusters of {expected} intervals, found {}", video.len());
            return Err(TrainError::Task(cause.into()));
        }
        self.made = made[0] as usize;
        let whole = |values: Vec<f64>| values.into_iter().map(|value| value as u32).collect();
        (self.of_video, self.of_speech) = (whole(video), whole(speech));
        Ok(())
    }
}

/// Intervals with their clusters. Centres are found from the rows of the first recordings, `most_rows` or a few more; the
/// intervals of the others go to the nearest of them.
fn assign(
    recordings: &[Vec<usize>],
    rows_of: impl Fn(&[usize]) -> Result<Vec<f32>, TrainError>,
    most_rows: usize,
    count: usize,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<(usize, u32)>, TrainError> {
    let (mut known, mut rows) = (Vec::new(), Vec::new());
    let mut left = recordings.iter();
    while known.len() < most_rows
        && let Some(own) = left.next()
    {
        rows.extend(rows_of(own)?);
        known.extend(own);
    }
    if known.len() < 2 {
        return Ok(Vec::new());
    }
    let width = rows.len() / known.len();
    let centres = Centres::find(&mut rows, width, count, rng)?;
    let mut found: Vec<(usize, u32)> = known.into_iter().zip(centres.nearest(&rows)?).collect();
    for own in left {
        let mut rows = rows_of(own)?;
        centres.scale(&mut rows);
        found.extend(own.iter().copied().zip(centres.nearest(&rows)?));
    }
    Ok(found)
}

/// Features of intervals of one recording, less their mean, row after row.
fn features(
    of: Of,
    intervals: &[usize],
    networks: &Networks,
    source: &Source,
) -> Result<Vec<f32>, TrainError> {
    let mut rows: Vec<f32> = Vec::new();
    for some in intervals.chunks(AT_ONCE) {
        let pooled = no_grad(|| -> Result<Tensor, TrainError> {
            Ok(match of {
                Of::Video => {
                    networks.look(&[&source.middle_frames(some)?], Mode::Eval)?.swap_remove(0).pooled
                }
                Of::Speech => networks.hear(&source.middle_speech(some)?, Mode::Eval)?.pooled,
            })
        })?;
        let (images, width) = pooled.dims2()?;
        let each =
            pooled.to_dtype(candle_core::DType::F32)?.reshape((some.len(), images / some.len(), width))?;
        let pooled = each.mean(1)?;
        rows.extend(pooled.flatten_all()?.to_vec1::<f32>()?);
    }
    take_mean_off(&mut rows, intervals.len());
    Ok(rows)
}

/// Takes the mean of `count` rows off each of them.
fn take_mean_off(rows: &mut [f32], count: usize) {
    let width = rows.len() / count;
    for column in 0..width {
        let places = || (0..count).map(|row| row * width + column);
        let mean = places().map(|at| f64::from(rows[at])).sum::<f64>() / count as f64;
        places().for_each(|at| rows[at] -= mean as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Curriculum, LossWeights};

    fn clusters() -> Clusters {
        let config = PretrainConfig {
            weights: LossWeights { video_clusters: 1.0, speech_clusters: 1.0, ..LossWeights::default() },
            curriculum: Curriculum { video_alone: 0.25, speech_alone: 0.25 },
            ..PretrainConfig::default()
        };
        Clusters::new(&config, 4, 1).expect("losses of clusters")
    }

    /// Four recordings of 30 intervals: what is seen in an interval is one of two directions, by its number, and a little noise.
    #[test]
    fn intervals_beyond_the_rows_that_centres_are_found_from_go_to_the_nearest_of_them() {
        let recordings: Vec<Vec<usize>> = (0..4).map(|of| (30 * of..30 * (of + 1)).collect()).collect();
        let rows_of = |intervals: &[usize]| {
            let row = |&at: &usize| {
                let mut row = [[2.0, 1.0], [-1.0, -2.0]][at % 2];
                row[0] += (at % 7) as f32 * 0.01;
                row
            };
            Ok(intervals.iter().flat_map(row).collect())
        };
        for most_rows in [1, 31, 120] {
            let mut rng = stream_rng(1, Stream::Clusters as u64, 0);
            let mut found = assign(&recordings, rows_of, most_rows, 2, &mut rng).expect("clusters");
            found.sort_unstable();
            assert_eq!(found.len(), 120, "every interval once");
            let first = [found[0].1, found[1].1];
            assert_ne!(first[0], first[1]);
            for (number, &(at, cluster)) in found.iter().enumerate() {
                assert_eq!((at, cluster), (number, first[at % 2]), "centres of {most_rows} rows");
            }
        }
        let mut rng = stream_rng(1, Stream::Clusters as u64, 0);
        assert_eq!(assign(&[vec![5]], rows_of, 9, 2, &mut rng).expect("none"), [], "one is no cluster");
    }

    #[test]
    fn what_the_rows_of_a_recording_have_in_common_is_taken_off() {
        let mut rows = [1.0, 10.0, 3.0, 10.0, 8.0, 13.0];
        take_mean_off(&mut rows, 3);
        assert_eq!(rows, [-3.0, -1.0, -1.0, -1.0, 4.0, 2.0]);
    }

    #[test]
    fn video_is_told_nothing_before_both_are_trained_and_a_checkpoint_keeps_all() {
        let mut one = clusters();
        let all = [vec![0, 1], vec![2, 3]];
        assert!(one.targets(&[0, 3], &all, 0.3).is_none());
        (one.made, one.of_video, one.of_speech) = (2, vec![0, 1, 2, 39], vec![5, 6, 7, 8]);
        let early = one.targets(&[3, 0], &all, 0.3).expect("clusters");
        assert_eq!((early.round, &early.of_video[..], &early.of_speech[..]), (1, &[39, 0][..], &[][..]));
        let late = Targets { of_speech: vec![8, 5], ..early };
        assert_eq!(one.targets(&[3, 0], &all, 0.5), Some(late.clone()));
        let mut other = clusters();
        other.load_state(&one.state().expect("state")).expect("fits");
        assert_eq!(other.targets(&[3, 0], &all, 0.5), Some(late.clone()));
        assert!(other.load_state(&BTreeMap::new()).is_err());
        let entropy = one.report(&all)[1].1;
        assert_eq!(entropy, late.entropy_of_video);
        assert!((entropy - 4f64.ln()).abs() < 1e-12, "{entropy}");
    }
}

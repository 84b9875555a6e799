//! Which video is on the screen when.

use std::collections::BTreeMap;

use rand::Rng;
use rand::seq::SliceRandom;

use super::groups::Group;
use super::picture::Video;
use crate::SimulateConfig;
use crate::recording::Cast;
use crate::rng::{Stream, between_secs, stream};

/// The time of a video on the screen varies by this share of `hold_secs` to either side: drawn without regard to the video,
/// so that it cannot tell the label.
const HOLD_SPREAD: f64 = 0.3;

/// A video on the screen; bounds are numbers of frames of the recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shot {
    /// which video
    pub video: usize,
    /// first frame
    pub start: usize,
    /// after the last frame
    pub end: usize,
    /// where in the video it begins, seconds after the video's first frame
    pub from_secs: f64,
}

/// What a recording shows.
pub type Reel = Vec<Shot>;

/// Plans the recordings of all groups. Within a recording the group's planes take turns in rounds of changing order; a
/// plane's videos are gone through in changing order too, on from one recording of the group to the next, so that all are
/// shown about equally often.
pub fn plan(videos: &[Video], groups: &[Group], config: &SimulateConfig, casts: &[Cast]) -> Vec<Reel> {
    let mut decks: Vec<BTreeMap<usize, Deck<'_>>> = groups
        .iter()
        .map(|group| group.videos.iter().map(|(&plane, all)| (plane, Deck::of(all))).collect())
        .collect();
    let mut reel = |cast: &Cast| {
        let rng = &mut stream(config.seed, "reel", cast.recording);
        let decks = &mut decks[cast.subject];
        let bounds = bounds(config, rng);
        let planes = rounds(&decks.keys().copied().collect::<Vec<_>>(), bounds.len() - 1, rng);
        let shot = |(plane, frames): (usize, &[usize])| {
            let video = decks.get_mut(&plane).expect("a plane of the group").draw(rng);
            let shown_secs = (frames[1] - frames[0]) as f64 / f64::from(config.video.fps);
            let length_secs = videos[video].seconds;
            // a short one begins anywhere and is repeated, a long one never ends before its time
            let room = if length_secs > shown_secs { length_secs - shown_secs } else { length_secs };
            Shot { video, start: frames[0], end: frames[1], from_secs: room * rng.random::<f64>() }
        };
        planes.into_iter().zip(bounds.windows(2)).map(shot).collect()
    };
    casts.iter().map(&mut reel).collect()
}

/// Where one video follows on another, as frames, from 0 to the end of the recording.
fn bounds(config: &SimulateConfig, rng: &mut Stream) -> Vec<usize> {
    let count = (config.seconds / config.hold_secs).round().max(2.0) as usize;
    let holds: Vec<f64> =
        (0..count).map(|_| between_secs(rng, 1.0 - HOLD_SPREAD, 1.0 + HOLD_SPREAD)).collect();
    let per_hold = config.frames() as f64 / holds.iter().sum::<f64>();
    let mut clock = 0.0;
    let ends = holds.iter().map(|hold| {
        clock += hold;
        (clock * per_hold).round() as usize
    });
    [0].into_iter().chain(ends).collect()
}

/// `count` planes in rounds, each a changing order of all, and never the same twice in a row.
fn rounds(planes: &[usize], count: usize, rng: &mut Stream) -> Vec<usize> {
    let mut all: Vec<usize> = Vec::new();
    while all.len() < count {
        let mut round = planes.to_vec();
        round.shuffle(rng);
        if round.len() > 1 && all.last() == round.first() {
            let last = round.len() - 1;
            round.swap(0, last);
        }
        all.extend(round);
    }
    all.truncate(count);
    all
}

/// Videos that are gone through again and again, in another order each time.
struct Deck<'a> {
    all: &'a [usize],
    left: Vec<usize>,
    last: Option<usize>,
}

impl<'a> Deck<'a> {
    fn of(all: &'a [usize]) -> Self {
        Self { all, left: Vec::new(), last: None }
    }

    fn draw(&mut self, rng: &mut Stream) -> usize {
        if self.left.is_empty() {
            self.left = self.all.to_vec();
            self.left.shuffle(rng);
            // not the one that was just shown
            if self.left.len() > 1 && self.left.last().copied() == self.last {
                let end = self.left.len() - 1;
                self.left.swap(0, end);
            }
        }
        let drawn = self.left.pop().expect("a plane of the group has videos");
        self.last = Some(drawn);
        drawn
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::run::casts;

    #[test]
    fn recordings_show_all_planes_in_turn_and_all_videos_about_equally_often() {
        let planes = ["A", "B", "C"].map(str::to_owned).to_vec();
        let config = SimulateConfig {
            recordings: 8,
            subjects: 2,
            seconds: 60.0,
            hold_secs: 6.0,
            planes,
            ..SimulateConfig::default()
        };
        let videos: Vec<Video> = (0..24).map(|index| Video::made_up(index % 3, 2.0 + index as f64)).collect();
        let group = |first: usize| {
            let mut group = Group::default();
            (first..first + 12).for_each(|video| group.videos.entry(video % 3).or_default().push(video));
            group
        };
        let (groups, casts) = ([group(0), group(12)], casts(&config));
        let reels = plan(&videos, &groups, &config, &casts);
        let mut shown = [0; 24];
        for (cast, reel) in casts.iter().zip(&reels) {
            assert_eq!((reel[0].start, reel[reel.len() - 1].end), (0, config.frames()));
            assert!(
                reel.windows(2).all(|pair| pair[0].end == pair[1].start && pair[0].video != pair[1].video)
            );
            assert!(reel.windows(2).all(|pair| pair[0].video % 3 != pair[1].video % 3), "planes take turns");
            assert_eq!(reel.iter().map(|shot| shot.video % 3).collect::<BTreeSet<_>>().len(), 3);
            for shot in reel {
                assert!(
                    (12 * cast.subject..12 * cast.subject + 12).contains(&shot.video),
                    "of its own group"
                );
                let (length, secs) = (videos[shot.video].seconds, (shot.end - shot.start) as f64 / 15.0);
                assert!((0.0..length).contains(&shot.from_secs));
                assert!(length <= secs || shot.from_secs + secs <= length + 1e-9);
                shown[shot.video] += 1;
            }
        }
        let (least, most) = (shown.iter().min().unwrap(), shown.iter().max().unwrap());
        assert!(*least >= 2 && most - least <= 2, "{shown:?}");
        assert_eq!(reels, plan(&videos, &groups, &config, &casts));
    }
}

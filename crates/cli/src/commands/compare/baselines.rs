//! Baselines beside the random start: supervised ImageNet weights, and the random start of their network. Two networks start
//! from chance at different heights, so that what ImageNet is worth shows only beside the second.

use anyhow::Result;
use sonovox_downstream::{EncoderChoice, ImageNetFile};
use sonovox_report::{IMAGENET, IMAGENET_RANDOM, Method};

use crate::recipe::Recipe;

/// A start without pretraining of ours, of a network of its own.
pub struct Baseline {
    /// What the plan knows of it.
    pub method: Method,
    /// Its weights.
    pub encoder: EncoderChoice,
    /// The file that names its network.
    pub file: ImageNetFile,
}

/// The baselines that there are, and a line for the page that says so.
pub struct Baselines {
    /// In the tables' order.
    pub all: Vec<Baseline>,
    /// What they are, or why they are left out.
    pub note: String,
}

impl Baselines {
    /// Looks for the file that the recipe names.
    ///
    /// # Errors
    /// When it is there and is not what it should be.
    pub fn find(recipe: &Recipe) -> Result<Self> {
        let left_out =
            |why: String| Ok(Self { all: Vec::new(), note: format!("ImageNet start: left out, {why}.") });
        let Some(path) = &recipe.compare.imagenet else {
            return left_out("`compare.imagenet` names no file".to_owned());
        };
        if !path.exists() {
            return left_out(format!("`{}` is not there", path.display()));
        }
        let file = ImageNetFile::open(path)?;
        let net = file.title;
        let mut all = vec![Baseline {
            method: Method::baseline(IMAGENET, format!("ImageNet (supervised, {net})")),
            encoder: EncoderChoice::ImageNet(path.clone()),
            file: file.clone(),
        }];
        let note = if file.preset == recipe.pretrain.encoder {
            format!("ImageNet start: `{}`, of the same network.", path.display())
        } else {
            let method = Method::baseline(IMAGENET_RANDOM, format!("random ({net})"));
            all.insert(0, Baseline { method, encoder: EncoderChoice::Random, file });
            format!(
                "ImageNet start: `{}`, which is of another network ({net}): hold it against that network's own random start.",
                path.display()
            )
        };
        Ok(Self { all, note })
    }
}

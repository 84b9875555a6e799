//! Metrics of detection, saliency and retrieval: plain numbers in, plain numbers out. None of them is ever NaN: what the
//! formulas leave undefined has a value here, said beside each.

mod auc;
mod confusion;
mod retrieval;
pub mod saliency;
mod spread;

pub use auc::binary_auc;
pub use confusion::{ClassScores, Confusion, MacroScores};
pub use retrieval::{recall_at_k, retrieval_auc};
pub use spread::{effective_rank, embedding_spread, mean_pairwise_cosine, unit_std};

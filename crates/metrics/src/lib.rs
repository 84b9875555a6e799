//! Metrics of detection, saliency and retrieval: plain numbers in, plain numbers out.

mod retrieval;

pub use retrieval::{embedding_spread, recall_at_k, retrieval_auc};

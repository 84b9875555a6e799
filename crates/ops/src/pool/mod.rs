//! Max pooling with padding and overlapping windows, and the mean over a whole map.

mod max;
mod mean;
#[cfg(feature = "cuda")]
mod on_card;

pub use max::max_pool2d;
pub use mean::global_avg_pool;
pub(crate) use mean::means;

#[cfg(test)]
mod tests;

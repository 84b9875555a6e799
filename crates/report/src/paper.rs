//! The published figures, as docs of the method give them. They are of other data and of other sizes of net, and stand beside
//! ours so that orders can be compared, never numbers.

/// What the figures are from.
pub const SOURCE: &str = "Jiao et al., MICCAI 2020 (arXiv 2008.06607), tables 1 and 2, and their ISBI 2020 paper (V20, arXiv 2003.00105)";

/// Plane detection: what was pretrained, precision, recall, F1, each with its standard deviation, in percent.
pub const PLANES: [(&str, [(f64, f64); 3]); 6] = [
    ("Rand. init", [(70.4, 2.3), (64.9, 1.6), (67.0, 1.3)]),
    ("Video (order)", [(71.9, 2.0), (71.7, 3.5), (71.5, 2.4)]),
    ("MICCAI 2020", [(72.7, 1.8), (73.3, 2.4), (72.6, 1.7)]),
    ("ImageNet init", [(74.6, 1.8), (71.2, 1.9), (72.5, 1.8)]),
    ("SonoNet", [(82.3, 1.3), (87.3, 1.1), (84.5, 0.9)]),
    ("V20 (order + affine)", [(75.8, 1.9), (76.4, 2.7), (75.7, 2.0)]),
];

/// Gaze: KL, NSS, AUC, CC, SIM.
#[allow(clippy::approx_constant, reason = "a divergence of 3.14 is no pi")]
pub const GAZE: [(&str, [f64; 5]); 8] = [
    ("Rand. init", [3.94, 1.47, 0.90, 0.12, 0.05]),
    ("Video (order)", [3.57, 1.86, 0.91, 0.15, 0.08]),
    ("MICCAI 2020", [3.05, 2.68, 0.95, 0.22, 0.11]),
    ("ImageNet init", [3.95, 1.72, 0.89, 0.14, 0.08]),
    ("SonoNet", [3.14, 2.62, 0.94, 0.21, 0.12]),
    ("V20 (order + affine)", [3.00, 2.72, 0.95, 0.22, 0.12]),
    ("static map (IPMI 2019)", [3.41, 1.39, 0.86, 0.15, 0.09]),
    ("fully trained (IPMI 2019)", [2.43, 4.03, 0.97, 0.32, 0.19]),
];

/// The ablation: F1 of planes, KL of gaze.
pub const ABLATION: [(&str, f64, f64); 4] = [
    ("Rand. init", 67.0, 3.94),
    ("hard-pair classification", 69.8, 3.96),
    ("+ contrastive", 70.9, 3.43),
    ("+ order: full", 72.6, 3.05),
];

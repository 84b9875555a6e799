use super::*;
use crate::simd::{FORCED, Isa};
use crate::testing::{random, to_vec};

fn numbers<T: Element>(seed: u64, n: usize) -> Vec<T> {
    to_vec(&random(seed, n)).into_iter().map(T::from_f64).collect()
}

/// The definition.
fn slow(a: &[f64], b: &[f64], (m, k, n): (usize, usize, usize)) -> Vec<f64> {
    let element = |i: usize, j: usize| (0..k).map(|l| a[i * k + l] * b[l * n + j]).sum();
    (0..m * n).map(|at| element(at / n, at % n)).collect()
}

fn transposed<T: Element>(x: &[T], cols: usize) -> Vec<T> {
    let rows = x.len() / cols;
    (0..x.len()).map(|at| x[at % rows * cols + at / rows]).collect()
}

fn check<T: Element>(tolerance: f64) {
    for (m, k, n) in
        [(1, 1, 1), (12, 4, 32), (13, 5, 33), (3, 300, 70), (100, 257, 40), (97, 31, 530), (40, 600, 7)]
    {
        let (a, b) = (numbers::<T>(1, m * k), numbers::<T>(2, k * n));
        let wide = |x: &[T]| x.iter().map(|v| v.to_f64()).collect::<Vec<_>>();
        let expected = slow(&wide(&a), &wide(&b), (m, k, n));
        let (at, bt) = (transposed(&a, k), transposed(&b, n));
        for (a, b) in [
            (Matrix::rows(&a, k), Matrix::rows(&b, n)),
            (Matrix::rows(&at, m).t(), Matrix::rows(&b, n)),
            (Matrix::rows(&a, k), Matrix::rows(&bt, k).t()),
        ] {
            for add in [false, true] {
                let mut c = vec![T::from_f64(3.0); m * n + 5];
                let output = if add { Output::Add } else { Output::Set };
                gemm(&mut c, a, b, (m, k, n), output);
                let base = if add { 3.0 } else { 0.0 };
                for (i, (&found, expected)) in c.iter().zip(&expected).enumerate() {
                    let error = (found.to_f64() - base - expected).abs();
                    assert!(error < tolerance, "{m} {k} {n} element {i}: {found:?}, expected {expected}");
                }
                assert!(c[m * n..].iter().all(|v| v.to_f64() == 3.0), "wrote behind the matrix");
            }
        }
    }
}

#[test]
fn the_result_is_the_definition_with_every_instruction_set() {
    for isa in Isa::available() {
        // the shares of large products run on other threads, with the best set; these are small
        FORCED.set(Some(isa));
        check::<f32>(2e-5);
        check::<f64>(1e-12);
    }
    FORCED.set(None);
}

#[test]
fn scale_shift_and_relu_come_last() {
    for isa in Isa::available() {
        FORCED.set(Some(isa));
        let (m, k, n) = (13, 300, 70);
        let (a, b) = (numbers::<f32>(1, m * k), numbers::<f32>(2, k * n));
        let (scale, shift) = (numbers::<f32>(3, n), numbers::<f32>(4, n));
        let (mut plain, mut finished) = (vec![0.0; m * n], vec![7.0; m * n]);
        gemm(&mut plain, Matrix::rows(&a, k), Matrix::rows(&b, n), (m, k, n), Output::Set);
        for relu in [false, true] {
            let output = Output::Finish(Finish { scale: &scale, shift: &shift, relu });
            gemm(&mut finished, Matrix::rows(&a, k), Matrix::rows(&b, n), (m, k, n), output);
            for (i, (&found, &sum)) in finished.iter().zip(&plain).enumerate() {
                let expected = sum * scale[i % n] + shift[i % n];
                let expected = if relu { expected.max(0.0) } else { expected };
                // fused or not, by instruction set
                assert!((found - expected).abs() < 1e-5, "{isa:?} element {i}: {found}, expected {expected}");
            }
        }
    }
    FORCED.set(None);
}

#[test]
fn shares_give_the_same_bits_as_one_thread() {
    let (m, k, n) = (700, 300, 130);
    let (a, b) = (numbers::<f32>(1, m * k), numbers::<f32>(2, m * k));
    for (m, n) in [(m, n), (n, m)] {
        let product = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut c = vec![0.0; m * n];
            pool.install(|| {
                gemm(&mut c, Matrix::rows(&a, k), Matrix::rows(&b, k).t(), (m, k, n), Output::Set);
            });
            c
        };
        assert_eq!(product(1), product(3));
    }
}

# sonovox: one recipe to a stage; arguments pass through (`just preprocess ~/scans --out data/work/clips`).
# On a fresh machine call `scripts/justw RECIPE` instead: it installs what is missing first.

set positional-arguments

sonovox := "cargo run --release --quiet --package sonovox --"
demo := "--recipe data/recipes/demo.toml --overwrite"
out := "data/work/demo"
lung := "--recipe data/recipes/compare-lung.toml --out data/work/compare-lung --results docs/results-lung.md"
lung-study := "data/work/compare-lung/data/matched/study"
torch := "data/work/bench/torch"
python := torch + "/bin/python -B"

# list the recipes
default:
    @just --list --unsorted

# the whole chain on a small simulated study: made, cut, pretrained, planes, gaze
demo: build
    {{sonovox}} simulate {{demo}} --out {{out}}/study
    {{sonovox}} preprocess {{out}}/study {{demo}} --out {{out}}/clips
    {{sonovox}} pretrain {{demo}} --clips {{out}}/clips --out {{out}}/encoder
    {{sonovox}} finetune-planes {{demo}} --clips {{out}}/clips --encoder {{out}}/encoder --out {{out}}/planes
    {{sonovox}} finetune-gaze {{demo}} --clips {{out}}/clips --encoder {{out}}/encoder --out {{out}}/gaze
    {{sonovox}} eval-planes --model {{out}}/planes --clips {{out}}/clips --out {{out}}/eval-planes --overwrite
    {{sonovox}} eval-gaze --model {{out}}/gaze --clips {{out}}/clips --out {{out}}/eval-gaze --overwrite

# stage 0: write a simulated narrated study; `just simulate tiny|demo|study` for one of the sizes, into data/work/SIZE/study
simulate *args: build
    @case "${1:-}" in \
        tiny|demo|study) size=$1; shift; set -- --recipe "data/recipes/$size.toml" --out "data/work/$size/study" "$@";; \
        ""|-*) ;; \
        *) echo "just simulate: expected tiny, demo, study or flags of sonovox simulate, found $1" >&2; exit 2;; \
    esac; \
    {{sonovox}} simulate "$@"

# look before making one: every plane for three subjects and a short film, into data/work/preview
simulate-preview *args: build
    {{sonovox}} simulate-preview "$@"

# stage 1: recordings to clips
preprocess *args: build
    {{sonovox}} preprocess "$@"

# stage 2: clips to encoders
pretrain *args: build
    {{sonovox}} pretrain "$@"

# what an encoder knows about held-out speech; `--truth STUDY/truth.json` for a simulated study
eval-pretrain *args: build
    {{sonovox}} eval-pretrain "$@"

# stage 3: encoder to plane detector
finetune-planes *args: build
    {{sonovox}} finetune-planes "$@"

# stage 3 without training: planes read off the frozen encoder
probe-planes *args: build
    {{sonovox}} probe-planes "$@"

# stage 4: encoder to gaze predictor
finetune-gaze *args: build
    {{sonovox}} finetune-gaze "$@"

# score a plane detector on held-out subjects
eval-planes *args: build
    {{sonovox}} eval-planes "$@"

# score a gaze predictor on held-out subjects; fine-tunes one first where none is given
eval-gaze *args: build
    {{sonovox}} eval-gaze "$@"

# every method against every other, kept cell by cell in data/work/compare, to docs/results.md; `--list`, `--hours 2`, `--only ours`
compare *args: build
    {{sonovox}} compare --recipe data/recipes/compare.toml "$@"

# the same at the paper's size, for a GPU: `just compare-full --device cuda`, to data/work/compare-full/results.md
compare-full *args: build
    {{sonovox}} compare --recipe data/recipes/compare-full.toml --out data/work/compare-full --results data/work/compare-full/results.md "$@"

# the same comparison on real lung videos with narration laid under them, to docs/results-lung.md; cells in data/work/compare-lung
compare-lung *args: build
    {{sonovox}} compare {{lung}} "$@"
    @case " $* " in *" --list "*) ;; *) \
        if [ -f {{lung-study}}/videos.csv ]; then \
            python3 scripts/measure-metadata {{lung-study}} --out data/work/compare-lung/metadata.json && \
            {{sonovox}} compare {{lung}} --hours 0; \
        fi;; esac

# format, lints, and the edges between crates that must not be
check: edges
    cargo fmt --all --check
    cargo clippy --release --workspace --all-targets -- --deny warnings

# fail on a forbidden edge between crates
edges:
    python3 scripts/check-edges

# what CI runs
test: edges
    cargo test --release --workspace

# every operation and the encoders on a CUDA card; says so where there is none
test-cuda *args:
    scripts/test-cuda "$@"

# what can be proved of the CUDA side without a card
check-cuda:
    scripts/check-cuda

# all benchmarks, each against its named peer where there is one
bench: bench-simulate bench-preprocess bench-train

# how many times faster than real time a core makes a study
bench-simulate *args: build
    python3 scripts/bench-simulate "$@"

# preprocess against ffmpeg + librosa on the same files
bench-preprocess *args: build
    python3 scripts/bench-preprocess "$@"

# a training step and an evaluation pass against PyTorch, on an idle machine
bench-train *args:
    python3 scripts/bench-train "$@"

# speckle, spectra and greys of pictures, e.g. `just measure-speckle real=VIDEOS simulated=data/work/demo/study`
measure-speckle *args: python-with-torch
    {{python}} scripts/measure-speckle "$@"

# how well what is not anatomy names the planes: linear models on clips, by subject
measure-difficulty *args: python-with-torch
    {{python}} scripts/measure-difficulty "$@"

# what besides anatomy tells the planes of a study apart, and what the words tell
measure-leaks *args: python-with-torch
    {{python}} scripts/measure-leaks "$@"

# how well a speech encoder learns which plane is spoken of where it is told: a ceiling for pretraining, which is not
measure-words *args: python-with-torch
    {{python}} scripts/measure-words "$@"

# how well voice activity in clips agrees with the script of a simulated study
measure-voice *args:
    python3 scripts/measure-voice "$@"

# what single changes of methods do, on the study of `just compare`: data/trials.toml
measure-trials *args: build
    python3 scripts/measure-trials data/trials.toml "$@"

# which planes a detector takes for which
measure-confusion *args:
    python3 scripts/measure-confusion "$@"

# the API documentation, in target/doc
docs:
    cargo doc --release --workspace --no-deps --document-private-items

[private]
python-with-torch:
    @python3 scripts/peers/torch_venv.py {{torch}} > /dev/null

[private]
build:
    cargo build --release --package sonovox

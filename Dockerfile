# The commands in an image; docs/install.md says how to build and run it.
FROM python:3.11-slim

# Where pip takes torch from. Empty: its usual index, whose wheels for Linux bring CUDA and run without a GPU as well.
ARG TORCH_INDEX=""
# Extras of the package, such as "onnx,optuna".
ARG EXTRAS=""

WORKDIR /src
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY gan_experiments gan_experiments
COPY hydra_plugins hydra_plugins
COPY conf conf
COPY reproductions reproductions
RUN pip install --no-cache-dir --constraint constraints.txt ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch torchvision \
    && pip install --no-cache-dir --constraint constraints.txt ".${EXTRAS:+[$EXTRAS]}" \
    && rm -rf /src

# Runs are written to /work/outputs, and the cache goes with them: mount a folder there.
WORKDIR /work
ENV GAN_EXPERIMENTS_CACHE=/work/.cache
RUN useradd --create-home user && chown user /work
USER user
CMD ["gan-train"]

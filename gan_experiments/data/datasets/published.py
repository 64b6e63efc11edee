"""Published sets that nobody may pass on: the user puts their files into a folder, and the error says which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from gan_experiments.core.cache import cache_folder
from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.types import ImageSize, NonNegativeInt, PositiveInt
from gan_experiments.data.datasets.image_files import ImageFiles
from gan_experiments.data.datasets.lmdb_images import LMDB
from gan_experiments.data.datasets.paired import Paired
from gan_experiments.data.datasets.unpaired import Unpaired, source_at
from gan_experiments.data.files.framing import Resize
from gan_experiments.data.files.listing import Listing


def place(root: str | None, name: str) -> Path:
    """Return where the files are: ``root``, or a folder or zip archive of this name in the cache folder."""
    if root is not None:
        return Path(root).expanduser()
    archive = cache_folder() / "data" / f"{name}.zip"
    return archive if archive.is_file() else archive.with_suffix("")


class Published(ImageFiles):
    """Image files of a published set, in a folder or a zip archive as its authors packed it.

    Args:
        root: The folder or archive; default: the one with the name of the set in ``data`` of the cache folder.
        image_size: Height and width in pixels, one number for squares.
        folder: Subfolder to read; default: ``train`` if the folders are splits, otherwise all of them.
        **options: Options of every dataset of image files.

    Attributes:
        called: Its name.
        files: What to download, and where from.
    """

    called: ClassVar[str]
    files: ClassVar[str]

    def __init__(
        self, root: str | None = None, image_size: ImageSize = 64, folder: str | None = None, **options: Any
    ) -> None:
        super().__init__(folder=folder, image_size=image_size, **options)
        self.source = source_at(place(root, self.called), "dataset.root", f": put {self.files} there")

    @cached_property
    def listing(self) -> Listing:
        """Names and labels of the image files; folders of a set without labels are no classes."""
        listing = super().listing
        return listing if self.has_labels else replace(listing, labels=None, class_names=())


class FFHQ(Published):
    """70,000 faces of photographs on Flickr, aligned, without labels (Karras, Laine & Aila 2019)."""

    called: ClassVar[str] = "ffhq"
    has_labels: ClassVar[bool] = False
    files: ClassVar[str] = "images1024x1024 or thumbnails128x128 of https://github.com/NVlabs/ffhq-dataset"


class AFHQ(Published):
    """Faces of cats, dogs and wild animals: 14,630 to train on in version 1, 512 pixels (Choi et al. 2020)."""

    called: ClassVar[str] = "afhq"
    files: ClassVar[str] = (
        "afhq.zip or afhq_v2.zip, or its folders train and val, of https://github.com/clovaai/stargan-v2"
    )


class ImageNet(Published):
    """1,281,167 photographs of 1,000 classes (Russakovsky et al. 2015)."""

    called: ClassVar[str] = "imagenet"
    files: ClassVar[str] = "a folder for each class, from ILSVRC2012_img_train.tar of https://image-net.org,"


class CUB(Published):
    """11,788 photographs of birds of 200 species (Wah et al. 2011).

    Args:
        root: The folder or archive; default: the one with the name of the set in ``data`` of the cache folder.
        image_size: Height and width in pixels, one number for squares.
        folder: Subfolder to read.
        **options: Options of every dataset of image files.
    """

    called: ClassVar[str] = "cub"
    files: ClassVar[str] = "CUB_200_2011 of https://www.vision.caltech.edu/datasets/cub_200_2011, unpacked,"

    def __init__(
        self, root: str | None = None, image_size: ImageSize = 64, folder: str | None = "images", **options: Any
    ) -> None:
        super().__init__(root=root, image_size=image_size, folder=folder, **options)


class LSUN(LMDB):
    """One category of LSUN, photographs of scenes or objects without labels (Yu et al. 2015): an LMDB.

    Args:
        path: The folder that holds ``data.mdb``; default: ``lsun/<category>_train_lmdb`` in ``data`` of the cache
            folder.
        category: ``church_outdoor``, ``bedroom``, ``kitchen`` ...
        image_size: Height and width in pixels, one number for squares.
        **options: Options of every dataset of decoded images.
    """

    has_labels: ClassVar[bool] = False

    def __init__(
        self, path: str | None = None, category: str = "church_outdoor", image_size: ImageSize = 64, **options: Any
    ) -> None:
        folder = Path(path).expanduser() if path else cache_folder() / "data" / "lsun" / f"{category}_train_lmdb"
        super().__init__(path=str(folder), image_size=image_size, **options)
        what = f"{category}_train_lmdb.zip of https://github.com/fyu/lsun"
        self.source.missing = f"dataset.path: there is no data.mdb in {folder}: unpack {what} there"


class Facades(Paired):
    """400 facades with maps of their parts, 256 pixels (Tylecek & Sara 2013; pairs of Isola et al. 2017).

    Args:
        root: Folder of the pictures with both side by side, or of ``train``; default: ``facades`` in ``data`` of the
            cache folder.
        inputs: Which half is the input: the map is the right one.
        image_size: Height and width in pixels, one number for squares.
        resize: Resampling filter; all are antialiased.
        limit: See ``ImageData``; options about classes do not apply.
        horizontal_flip: See ``ImageData``.
        random_crop: See ``ImageData``.
        seed: See ``ImageData``.
    """

    def __init__(
        self,
        root: str | None = None,
        inputs: Literal["left", "right"] = "right",
        image_size: ImageSize = 256,
        resize: Resize = "lanczos",
        limit: PositiveInt | None = None,
        horizontal_flip: bool = False,
        random_crop: NonNegativeInt = 0,
        seed: int = 0,
    ) -> None:
        folder = place(root, "facades")
        folder = folder / "train" if (folder / "train").is_dir() else folder
        super().__init__(
            root=str(folder), inputs=inputs, image_size=image_size, resize=resize, limit=limit,
            horizontal_flip=horizontal_flip, random_crop=random_crop, seed=seed,
            hint=": put facades (train, unpacked) of https://efrosgans.eecs.berkeley.edu/pix2pix/datasets there",
        )  # fmt: skip

    @classmethod
    def check(cls, key: str, options: Mapping[str, Any], config: ConfigView) -> Iterator[Problem]:
        """Yield problems of the shared options."""
        yield from super(Paired, cls).check(key, options, config)


class Horse2Zebra(Unpaired):
    """1,067 horses and 1,334 zebras of ImageNet without pairs, 256 pixels (Zhu et al. 2017).

    Args:
        root: Folder with ``trainA`` and ``trainB``; default: ``horse2zebra`` in ``data`` of the cache folder.
        image_size: Height and width in pixels, one number for squares.
        resize: Resampling filter; all are antialiased.
        limit: See ``ImageData``; options about classes do not apply.
        horizontal_flip: See ``ImageData``.
        random_crop: See ``ImageData``.
        seed: See ``ImageData``.
    """

    def __init__(
        self,
        root: str | None = None,
        image_size: ImageSize = 256,
        resize: Resize = "lanczos",
        limit: PositiveInt | None = None,
        horizontal_flip: bool = False,
        random_crop: NonNegativeInt = 0,
        seed: int = 0,
    ) -> None:
        folder = place(root, "horse2zebra")
        where = "https://efrosgans.eecs.berkeley.edu/cyclegan/datasets"
        super().__init__(
            root_a=str(folder / "trainA"), root_b=str(folder / "trainB"), image_size=image_size, resize=resize,
            limit=limit, horizontal_flip=horizontal_flip, random_crop=random_crop, seed=seed,
            hint=f": unpack horse2zebra.zip of {where} into {folder.parent}",
        )  # fmt: skip

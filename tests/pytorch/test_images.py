"""Sets of images: normalisation, augmentation, the order of an epoch."""

import numpy as np
import pytest
import torch

from langevin_lab.pytorch.images import (
    ImageSet,
    Normalisation,
    cropped,
    epoch_batches,
    load_images,
    synthetic_images,
)


@pytest.fixture(scope="module")
def images():
    return synthetic_images(50, seed=3)


def batches(images, *, seed=1, epoch=0, augment=False, drop_last=False, batch_size=8):
    nothing = Normalisation(torch.zeros(3, 1, 1), torch.ones(3, 1, 1))
    return list(
        epoch_batches(
            images, nothing, batch_size=batch_size, seed=seed, epoch=epoch, augment=augment,
            drop_last=drop_last,
        )
    )  # fmt: skip


def test_crops_are_slices_of_the_padded_image():
    generator = np.random.default_rng(0)
    batch = generator.normal(size=(40, 3, 6, 5))
    shifts = generator.integers(9, size=(2, 40))
    reflected = generator.integers(2, size=40) == 1
    found = cropped(*(torch.from_numpy(part) for part in (batch, shifts, reflected)))
    for n in range(40):
        padded = np.pad(batch[n], ((0, 0), (4, 4), (4, 4)))
        row, column = shifts[:, n]
        cut = padded[:, row : row + 6, column : column + 5]
        np.testing.assert_array_equal(found[n], cut[:, :, ::-1] if reflected[n] else cut)


def test_the_middle_crop_is_the_image():
    batch = torch.randn(3, 3, 32, 32)
    middle = torch.full((2, 3), 4)
    assert torch.equal(cropped(batch, middle, torch.zeros(3, dtype=torch.bool)), batch)
    assert torch.equal(cropped(batch, middle, torch.ones(3, dtype=torch.bool)), batch.flip(3))


def test_an_epoch_shows_each_image_once(images):
    marked = ImageSet(images.images, torch.arange(50))
    seen = torch.cat([labels for _, labels in batches(marked)])
    assert sorted(seen.tolist()) == list(range(50))
    assert [len(labels) for _, labels in batches(marked)] == [8] * 6 + [2]
    assert [len(labels) for _, labels in batches(marked, drop_last=True)] == [8] * 6
    for batch, labels in batches(marked):
        torch.testing.assert_close(batch, images.images[labels] / 255.0)


def test_order_is_a_function_of_seed_and_epoch(images):
    def order(**given):
        return torch.cat([batch.flatten(1) for batch, _ in batches(images, augment=True, **given)])

    assert torch.equal(order(), order())
    for other in ({"epoch": 1}, {"seed": 2}, {"seed": 1 + 2**30}):
        assert not torch.equal(order(), order(**other))


def test_augmentation_draws_every_shift_and_both_sides():
    """Of images with one bright pixel in the middle, the pixel's places are counted."""
    dot = torch.zeros(4_000, 3, 32, 32, dtype=torch.uint8)
    dot[:, :, 15, 12] = 255
    (batch, _), = batches(
        ImageSet(dot, torch.zeros(4_000, dtype=torch.int64)), augment=True, batch_size=4_000
    )  # fmt: skip
    rows, columns = batch[:, 0].nonzero()[:, 1], batch[:, 0].nonzero()[:, 2]
    assert rows.bincount().nonzero().flatten().tolist() == list(range(11, 20))
    left, right = list(range(8, 17)), list(range(15, 24))
    assert columns.bincount().nonzero().flatten().tolist() == sorted({*left, *right})
    counts = rows.bincount()[11:20].double()
    chi2 = ((counts - 4_000 / 9).square() / (4_000 / 9)).sum().item()
    assert chi2 < 26.1  # 0.1 % of the law with 8 degrees of freedom lies above
    share = ((columns < 15).sum() / ((columns < 15) | (columns > 16)).sum()).item()
    assert share == pytest.approx(0.5, abs=5 * 0.5 / 55)


def test_normalisations_are_numpys():
    images = synthetic_images(30, seed=1).images
    values = images.numpy() / 255.0
    pixel, channel = (Normalisation.of(images, kind)(images) for kind in ("pixel", "channel"))
    np.testing.assert_allclose(pixel, values - values.mean(axis=0), atol=1e-6)
    mean, scale = (f(axis=(0, 2, 3), keepdims=True) for f in (values.mean, values.std))
    np.testing.assert_allclose(channel, (values - mean) / scale, atol=2e-5)
    assert pixel.dtype == channel.dtype == torch.float32
    with pytest.raises(ValueError, match="normalisation='image' must be 'pixel' or 'channel'"):
        Normalisation.of(images, "image")


def test_files_are_loaded_as_bytes(tmp_path):
    rows = np.random.default_rng(0).integers(0, 256, (10, 3073), dtype=np.uint8)
    rows[:, 0] = np.arange(10)
    for number in range(5):
        content = rows[2 * number : 2 * number + 2].tobytes()
        (tmp_path / f"data_batch_{number + 1}.bin").write_bytes(content)
    found = load_images(tmp_path)
    assert found.images.dtype == torch.uint8
    np.testing.assert_array_equal(found.images, rows[:, 1:].reshape(10, 3, 32, 32))
    assert found.labels.tolist() == list(range(10))
    with pytest.raises(FileNotFoundError, match="kriz/cifar"):
        load_images(tmp_path, part="test")


def test_synthetic_images_have_the_shape_of_cifar10(images):
    assert images.images.shape == (50, 3, 32, 32)
    assert images.labels.bincount().tolist() == [5] * 10
    assert not torch.equal(images.images, synthetic_images(50, seed=4).images)
    one, other = (
        synthetic_images(500, seed=seed).images.float().reshape(50, 10, -1).mean(dim=0)
        for seed in (1, 2)
    )
    assert (one - other).abs().mean() < 0.3 * (one - other.roll(1, 0)).abs().mean()


def test_wrong_sets_are_refused():
    with pytest.raises(ValueError, match="n_images=-5 must be >= 0, for example 2000"):
        synthetic_images(-5, seed=1)
    labels = torch.zeros(2, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"images of torch.float32 and shape \(2, 3, 4, 4\) must"):
        ImageSet(torch.zeros(2, 3, 4, 4), labels)
    with pytest.raises(ValueError, match=r"shape \(2,\) must be int64 and \(3,\), one per image"):
        ImageSet(torch.zeros(3, 3, 4, 4, dtype=torch.uint8), labels)

import pytest

import watchword
from watchword import providers


@pytest.mark.parametrize("name", providers.__all__)
def test_the_room_has_the_names_that_the_package_has(name):
    assert getattr(providers, name) is getattr(watchword, name)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"'watchword\.providers' has no attribute 'KeySet'"):
        _ = providers.KeySet

"""The schemas of SCIM that we keep are those of scim2-models, of the version in requirements-dev.txt."""

from __future__ import annotations

import json

import pytest
import scim2_models as scim

from ostiary.scim.schema.published import schemas_file


@pytest.mark.parametrize("model", [scim.User, scim.Group, scim.EnterpriseUser])
def test_a_kept_schema_is_the_one_of_the_models(model: type[scim.Resource]) -> None:
    said = model.to_schema().model_dump(scim_ctx=scim.Context.RESOURCE_QUERY_RESPONSE)
    assert json.loads(schemas_file().read_text(encoding="utf-8"))[model.__name__] == said

-- Who the customers are.
{{ config(
    materialized='table',
    tests={
      'customer_id': ['not_null', 'unique'],
      'plan': [{'accepted_values': {'values': ['basic', 'standard', 'family']}}],
      'region': ['not_null'],
    },
) }}
select cast(customer_id as integer) as customer_id, signed_up_at, plan, channel, region
from {{ source('raw', 'customers') }}

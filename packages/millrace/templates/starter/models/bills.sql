-- All bills whose outcome is known: those of the files, and those that the stream has brought since.
{{ config(
    materialized='incremental',
    unique_key='bill_id',
    tests={
      'bill_id': ['not_null', 'unique'],
      'customer_id': ['not_null', {'relationships': {'to': ref('customers'), 'field': 'customer_id'}}],
      'billed_at': ['not_null'],
      'known_at': ['not_null'],
      'churned': ['not_null'],
    },
) }}
with known as (
  select * from {{ ref('history') }}
  union all by name
  select * from {{ source('raw', 'outcomes') }}
)
select * from known
{% if is_incremental() %}
where known_at >= (select max(known_at) from {{ this }})
{% endif %}
order by known_at

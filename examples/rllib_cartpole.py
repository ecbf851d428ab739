"""Let RLlib learn to balance a pole: actors play, a learner trains, and its weights go back to the actors.

The chapter: ``RLTrainer(algorithm="PPO", …)`` with ``RLCheckpoint`` and ``RLPredictor``. Today: ``PPOConfig`` builds
the algorithm, whose environment runners are Ray actors.
Look at: the reward, one point for each step that the pole stands, and that both actors have the learner's weights.
"""

import logging
import os

from examples import need, start_ray

ITERATIONS, RUNNERS = 5, 2


def draw(rewards: list[float]) -> None:
    """Write the rewards to rllib_cartpole.png."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.5), layout="constrained")
    axes.plot(range(1, len(rewards) + 1), rewards, marker="o")
    axes.set(xlabel="Iteration", ylabel="Mean reward", title="PPO on CartPole", ylim=(0, None))
    figure.savefig("rllib_cartpole.png")


def main() -> None:
    """Train, compare the weights of the learner and of the actors, and draw the reward."""
    need("gymnasium", "RLlib")
    # RLlib imports TensorFlow where it finds it: seconds, and a crash when triton, a part of torch, comes after it.
    os.environ["RLLIB_TEST_NO_TF_IMPORT"] = "1"
    logging.disable(logging.WARNING)
    import torch
    from ray.rllib.algorithms.ppo import PPOConfig

    start_ray()
    torch.set_num_threads(1)  # the network is so small that a second thread only waits
    config = PPOConfig().environment("CartPole-v1").env_runners(num_env_runners=RUNNERS).debugging(seed=0)
    config.rl_module(model_config={"fcnet_hiddens": [64, 64], "fcnet_activation": "tanh", "vf_share_layers": False})
    config.training(train_batch_size_per_learner=2000, minibatch_size=250, num_epochs=6, lr=2e-3)
    config.fault_tolerance(restart_failed_env_runners=False)  # Ray warns about actors that could restart
    algorithm, rewards = config.build_algo(), []
    for iteration in range(1, ITERATIONS + 1):
        rewards.append(algorithm.train()["env_runners"]["episode_return_mean"])
        print(f"iteration {iteration}: mean reward {rewards[-1]:.0f}", flush=True)
    learned = algorithm.get_module().get_state()
    runners = algorithm.env_runner_group
    # An actor has no critic, which only learning needs.
    states = runners.foreach_env_runner(lambda runner: runner.module.get_state(), local_env_runner=False)
    equal = sum(all((state[name] == learned[name]).all() for name in state) for state in states)
    print(f"{equal} of {len(states)} actors have the learner's weights, which came through the object store")
    algorithm.stop()
    draw(rewards)


if __name__ == "__main__":
    main()
